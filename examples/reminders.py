"""An actor that reminds people, also of what they have forgotten when they were away."""

from __future__ import annotations

import attrs
import trio

import trivet


@attrs.define
class Notes:
    """What somebody wants to hear."""

    due: list[str] = attrs.Factory(list[str])
    heard: int = 0


class Reminders(trivet.Actor[Notes]):
    """Reminds one person."""

    async def on_wake(self) -> None:
        """Look every morning what nobody has heard."""
        morning = trivet.Cron("0 9 * * *", "Europe/Berlin")
        self.schedule.named("morning").cron(morning, Reminders.nag)

    @trivet.action
    def remember(self, text: str, seconds: float) -> str:
        """Say something in so many seconds; return what that can be cancelled by."""
        return self.schedule.after(seconds, Reminders.say, text)

    @trivet.action
    def forget(self, call_id: str) -> bool:
        """Have it not said, if it has not been."""
        return self.schedule.cancel(call_id)

    @trivet.action
    def say(self, text: str) -> None:
        """Say it."""
        self.state.due.append(text)

    @trivet.action
    def nag(self) -> None:
        """Say again what nobody has heard."""
        self.state.due += self.state.due[self.state.heard :]

    @trivet.action
    def listen(self) -> list[str]:
        """Return what there is to hear."""
        self.state.heard = len(self.state.due)
        return self.state.due


async def main() -> None:
    async with trivet.open_runtime(trivet.Registry(Reminders)) as runtime:
        ann = runtime.client.get_or_create(Reminders, "ann")
        await ann.call(Reminders.remember, "the milk", 0.2)
        mistake = await ann.call(Reminders.remember, "the wilk", 0.1)
        assert await ann.call(Reminders.forget, mistake)
        await trio.sleep(0.5)
        print(await ann.call(Reminders.listen))


if __name__ == "__main__":
    trio.run(main)
