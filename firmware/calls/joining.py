"""Let two calls that are up talk to each other; each keeps its own clock, and the callee's call its recording."""

from audio import orders
from audio.ports.elastic import ElasticBuffer
from audio.ports.port import AudioPort
from firmware.calls.agent_leg import AgentLeg


def join_calls(callee: AudioPort, leg: AgentLeg) -> None:
    """Join them from their next frames on. Raises AudioError; then the agent may hear the callee, never the reverse alone."""
    is_same_clock = callee.clock == leg.clock
    to_agent = ElasticBuffer(is_same_clock=is_same_clock)
    to_callee = ElasticBuffer(is_same_clock=is_same_clock)
    leg.join(orders.Join(to_other=to_callee, from_other=to_agent))
    callee.order(orders.StopPlaying())
    callee.order(orders.Join(to_other=to_agent, from_other=to_callee))
