"""The technician's session at a machine that is no box yet: its claim code, what it waits for, and its network. It has no secret."""

from firmware.local.words import Language
from provisioning import network
from provisioning.claim_screen import screen
from provisioning.first_boot_command import standing_of
from provisioning.layout import Layout
from provisioning.technician.terminal import Terminal
from provisioning.technician.words import SAID


class UnclaimedConsole:
    """One session on one terminal."""

    def __init__(self, layout: Layout, terminal: Terminal) -> None:
        self._layout = layout
        self._terminal = terminal

    def run(self) -> None:
        """Show the standing as often as it is asked for. Raises LeftError."""
        chosen = self._terminal.ask(SAID["language"][0])
        language: Language = "zh" if chosen == "2" else "en"
        place = 1 if language == "zh" else 0
        while True:
            self._terminal.say("", *screen(standing_of(self._layout), language), "")
            for each in network.interfaces():
                self._terminal.say(f"  {each.name}: {each.address or '-'}")
            gateway = network.gateway()
            self._terminal.say(
                f"  gateway: {gateway or '-'}" if not place else f"  网关: {gateway or '-'}", ""
            )
            if self._terminal.ask(SAID["look_again"][place]).lower().startswith("q"):
                self._terminal.say(SAID["bye"][place])
                return
