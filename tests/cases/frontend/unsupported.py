def inner_class(self):
    class Inner:
        pass

    return Inner


async def coroutine(self):
    await self.x


def groups(self):
    try:
        self.x()
    except* ValueError:
        self.y()
    return (yield from self.y())
