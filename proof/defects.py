"""Wrong turns that a developer might have taken, each a change of one place of the real source.

`proof.canary` puts them in one by one and counts the seeds until the simulator sees them. A text
that is to be replaced stands exactly once in its module, and `tests/proof` holds the list to that.
"""

from __future__ import annotations

from proof.defect import Defect
from proof.defects_asked import OF_WHAT_IS_ASKED
from proof.defects_gateways import AT_GATEWAYS
from proof.defects_plan import OF_THE_PLAN
from proof.defects_shown import OF_WHAT_IS_SHOWN
from proof.defects_told import OF_WHAT_IS_TOLD
from proof.defects_workflow import IN_DOMAIN, IN_WORKFLOW

_ATTEMPT, _SITUATION = "activities.attempt", "activities.situation"
_COURIER = "workflows.courier"

_NAMES = (
    Defect(
        "key_with_the_attempt",
        _SITUATION,
        "call.account, environment, call.workflow_id, call.kind, call.command_id\n",
        "call.account, environment, call.workflow_id, call.kind,"
        ' f"{call.command_id}.{self.info.attempt}"\n',
        "a retry is another request, so it needs another key",
        ("S10",),
    ),
    Defect(
        "key_of_the_run",
        _SITUATION,
        "call.account, environment, call.workflow_id, call.kind, call.command_id\n",
        "call.account, environment, self.info.workflow_run_id, call.kind, call.command_id\n",
        "the run id is what Temporal calls unique",
        ("S2", "S3", "V10"),
    ),
    Defect(
        "random_key",
        "domain.keys",
        "return str(UUID(bytes=bytes(bits)))",
        'return str(__import__("uuid").uuid4())',
        "the gateway's own pages say: a fresh UUID for every request",
        ("S10",),
        place="payroc",
    ),
    Defect(
        "key_of_the_amount",
        _SITUATION,
        "call.account, environment, call.workflow_id, call.kind, call.command_id\n",
        "call.account, environment, call.workflow_id, call.kind, str(call.amount.amount_minor)\n",
        "the content makes a request the same",
        ("S10",),
    ),
    Defect(
        "names_used_again",
        "domain.record",
        'return f"{base}~{tries + 1}" if tries else base',
        "return base",
        "the second try of a release is still the same release",
        ("V3",),
    ),
    Defect(
        "repeats_not_known",
        "workflows.inbox",
        "        if ask is None:\n            return None\n        is_queued",
        "        if ask is None or ask.answered:\n            return None\n        is_queued",
        "an instruction that is answered need not be remembered",
        ("A9",),
        place="stax-parts",
    ),
)

_LADDER = (
    Defect(
        "pending_is_done",
        _ATTEMPT,
        "            case Pending(payment=payment):\n",
        "            case Pending(payment=payment) if payment is not None:\n"
        "                return self._settled(Ending.DONE, payment)\n"
        "            case Pending(payment=payment):\n",
        "it was accepted, so it will come",
        ("G5",),
    ),
    Defect(
        "unknown_is_declined",
        _ATTEMPT,
        "        except GatewayError as error:\n            # A cause",
        "        except OutcomeUnknown as error:\n"
        "            return self._settled(Ending.DECLINED, None, str(error))\n"
        "        except GatewayError as error:\n            # A cause",
        "no answer means that it did not work",
        ("L1", "G7"),
    ),
    Defect(
        "keyless_sent_again",
        _SITUATION,
        "return self.call.kind in gateway.capabilities.idempotent or self.looks_each_time",
        "return True",
        "every gateway takes a key, so whatever is lost is sent again",
        ("S2", "W4"),
        place="xmoney",
    ),
    Defect(
        "absent_at_once",
        _ATTEMPT,
        "too_soon = proof_from is not None and self._situation.now < proof_from",
        "too_soon = False",
        "what is not found is not there",
        ("S2",),
        place="xmoney",
    ),
    Defect(
        "look_first_not_asked",
        _SITUATION,
        "self.is_told_to_look = look_first or call.look_first",
        "self.is_told_to_look = look_first",
        "the key makes a second sending harmless anyway",
        ("W3",),
        place="payroc",
    ),
    Defect(
        "restored_store_not_heeded",
        _SITUATION,
        "self.is_told_to_look = look_first or call.look_first",
        "self.is_told_to_look = call.look_first",
        "the workflow knows best whether to look first",
        ("W3",),
        place="payroc",
    ),
    Defect(
        "release_without_a_look",
        _ATTEMPT,
        "releases = self._call.kind is OperationKind.RELEASE",
        "releases = False",
        "a release can do no harm",
        ("W3",),
        place="stax",
    ),
    Defect(
        "sent_however_late",
        _ATTEMPT,
        "if self._call.send_by is not None and self._situation.now >= self._call.send_by:",
        "if False:",
        "the workflow has looked at the clock before it sent the activity",
        ("X6",),
    ),
    Defect(
        "credentials_refused_for_good",
        _ATTEMPT,
        "if self._call.adopts or not self._is_surely_the_first_card():",
        "if False:",
        "a 401 or 403 will not get better",
        ("N2",),
    ),
    Defect(
        "sent_again_after_undecided",
        _COURIER,
        "if cause is not None and cause.type == Failure.UNDECIDED:",
        "if False:",
        "the key lives, so it is sent again, whatever the answer was",
        ("L4",),
        place="payroc",
    ),
    Defect(
        "no_processing_time",
        _COURIER,
        "max(lost_at + processing, self._absent_after())",
        "max(lost_at, self._absent_after())",
        "the look-up comes after the sending, so it sees what was sent",
        ("S2", "W6"),
        place="xmoney",
    ),
    Defect(
        "reset_over_it_not_noticed",
        _COURIER,
        "max(lost_at + processing, self._absent_after())",
        "lost_at + processing",
        "the look before it has shown that it came to nothing",
        ("W6",),
    ),
    Defect(
        "reset_not_noticed",
        _COURIER,
        "return self._began_reset or workflow.random_seed() != self._seed",
        "return False",
        "a replay brings the state back, so a reset is nothing special",
        ("R4",),
        place="stax-parts",
    ),
    Defect(
        "second_run_not_noticed",
        _COURIER,
        "self.is_second_run = info.original_execution_run_id != info.run_id",
        "self.is_second_run = False",
        "a run has one id",
        ("W3",),
        place="payroc",
    ),
    Defect(
        "captured_before_forgotten",
        _COURIER,
        "captured=record.ledger.money(record.ledger.captured_minor)",
        "captured=record.ledger.money(0)",
        "there is one capture, so before it nothing was taken",
        ("L4",),
    ),
)

#: All of them.
DEFECTS = (
    *_NAMES,
    *_LADDER,
    *IN_WORKFLOW,
    *IN_DOMAIN,
    *AT_GATEWAYS,
    *OF_THE_PLAN,
    *OF_WHAT_IS_ASKED,
    *OF_WHAT_IS_SHOWN,
    *OF_WHAT_IS_TOLD,
)
