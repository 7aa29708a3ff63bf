def assignments(self, x, i):
    a, (b, *self.rest) = x
    self.table[i, 1:] = self.last = a
    self.count += 1
    self.table[i] *= b
    del self.last, a
    first = second = f(*x, i, key=b, **self.options)
    return [*first, second], {**self.options, "k": b}
