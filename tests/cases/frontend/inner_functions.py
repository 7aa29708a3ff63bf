def outer(self, n, *, scale=2):
    @self.register
    def inner(x, k=n, *, m=scale):
        nonlocal n
        n += x
        return n * k + m

    def unused():
        return super

    del scale
    return inner, unused


class Layer:
    def forward(self, __x):
        y = super().forward(__x)
        self.__calls += 1
        return lambda: (__class__, y)
