"""The gateways' dialects over the bank's books; a new gateway is one file and one line here."""

from simulator.faces.face import Face, Ground
from simulator.faces.payroc import PayrocFace
from simulator.faces.sibs import SibsFace

FACES: tuple[type[Face], ...] = (PayrocFace, SibsFace)

__all__ = ["FACES", "Face", "Ground", "PayrocFace", "SibsFace"]
