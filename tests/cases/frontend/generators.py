def walk(self, tree):
    if tree is None:
        return
    yield from self.walk(tree.left)
    received = yield tree.value
    self.note(received)
