def nested(self, x):
    with self.grad(False), self.autocast("cpu") as mode:
        if mode:
            return self.net(x)
        x = self.other(x)
    return x


def in_loop(self, xs):
    for x in xs:
        with self.guard(x):
            if x:
                continue
            break
