"""The gateways' dialects over the bank's books; a new gateway is one file and one line here."""

from simulator.faces.face import Face
from simulator.faces.payroc import PayrocFace
from simulator.faces.sibs import SibsFace
from simulator.faces.stax import StaxFace
from simulator.faces.xmoney import XmoneyFace
from simulator.ground import Ground

FACES: tuple[type[Face], ...] = (PayrocFace, SibsFace, StaxFace, XmoneyFace)

__all__ = ["FACES", "Face", "Ground", "PayrocFace", "SibsFace", "StaxFace", "XmoneyFace"]
