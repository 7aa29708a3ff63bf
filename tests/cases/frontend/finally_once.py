def ways(self, xs):
    for x in xs:
        try:
            if x > 3:
                break
            if x > 2:
                continue
            if x > 1:
                return self.use(x)
            self.skip(x)
        finally:
            self.done(x)
    return None


def always_returns(self):
    try:
        return self.value()
    finally:
        self.done()


def handlers(self, x):
    try:
        x = self.first(x)
    except (KeyError, ValueError) as error:
        self.note(error)
        raise
    except TypeError:
        x = None
    else:
        x = self.second(x)
    return x
