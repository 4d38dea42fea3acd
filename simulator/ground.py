"""What all faces share: the bank, what may happen to their requests, and where they keep things."""

from dataclasses import dataclass

from simulator.bank import Bank
from simulator.faults import Faults
from simulator.store import Store


@dataclass(frozen=True, slots=True)
class Ground:
    """What every gateway's face is given."""

    bank: Bank
    faults: Faults
    store: Store
