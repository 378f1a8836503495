"""Who may open what: one row an endpoint, one column a role. Read each changed row yourself.

``+`` may open it; ``-`` is refused with 403; ``>`` is led to sign in. The first column is
a visitor without a login; the others are the roles of docs/roles.md in their order.
``test_access.py`` holds the table to the declarations and to what really answers.
"""

from __future__ import annotations

TABLE = """
disclosure.donations                     +++++++++++++
disclosure.fund                          +++++++++++++
disclosure.funds                         +++++++++++++
disclosure.home                          +++++++++++++
jobs.cancel                              >++++++++++++
jobs.job                                 >++++++++++++
jobs.jobs                                >++++++++++++
jobs.status                              >++++++++++++
ledger.account                           >++++++---++-
ledger.account_file                      >++++++---++-
ledger.add_designation                   >--+---------
ledger.add_dimension_value               >--+---------
ledger.add_project                       >--+---------
ledger.add_voucher_papers                >++++++---++-
ledger.approve_rule                      >-+---+------
ledger.attachment                        >++++++---++-
ledger.balances                          >++++++---++-
ledger.carry_forward                     >+-----------
ledger.chart                             >++++++---++-
ledger.close                             >++++++---++-
ledger.close_for_good                    >-++---------
ledger.correct                           >+-----------
ledger.correct_amounts                   >+-----------
ledger.correct_anew                      >+-----------
ledger.cover                             >-++---------
ledger.discard_draft                     >+-----------
ledger.draft                             >++++++---++-
ledger.drafts                            >++++++---++-
ledger.edit_draft                        >+-----------
ledger.fix_year                          >--+---------
ledger.funds                             >++++++---++-
ledger.funds_file                        >++++++---++-
ledger.holds                             >++++++---++-
ledger.make_carry_forward                >+-----------
ledger.months                            >++++++---++-
ledger.name_dimension                    >--+---------
ledger.new_draft                         >+-----------
ledger.open_earmark                      >--+---------
ledger.open_first_month                  >-++---------
ledger.open_fund                         >--+---------
ledger.open_month                        >-++---------
ledger.open_place                        >--+---------
ledger.post                              >-++---------
ledger.post_marked                       >-++---------
ledger.preview_draft                     >+-----------
ledger.print_many                        >++++++---++-
ledger.print_voucher                     >++++++---++-
ledger.recall_draft                      >+-----------
ledger.release                           >------------
ledger.return_draft                      >-++---------
ledger.reverse                           >+-----------
ledger.review                            >-++---------
ledger.review_draft                      >-++---------
ledger.review_marked                     >-++---------
ledger.save_amounts                      >+-----------
ledger.save_anew                         >+-----------
ledger.save_draft                        >+-----------
ledger.save_new_draft                    >+-----------
ledger.setup_dimensions                  >++++++---++-
ledger.setup_funds                       >++++++---++-
ledger.setup_places                      >++++++---++-
ledger.setup_rules                       >++++++---++-
ledger.setup_tags                        >++++++---++-
ledger.setup_years                       >++++++---++-
ledger.sign                              >---+--------
ledger.sign_audit                        >-++---------
ledger.sign_draft                        >---+--------
ledger.sign_marked                       >---+--------
ledger.submit_draft                      >+-----------
ledger.trial_balance                     >++++++---++-
ledger.trial_balance_file                >++++++---++-
ledger.voucher                           >++++++---++-
ledger.vouchers                          >++++++---++-
ledger.write_rule                        >--+---------
messages.again                           >------+++--+
messages.call                            >------+++--+
messages.calls                           >------+++--+
messages.outbox                          >--+---++++++
messages.told                            >------+++--+
messages.unreached                       >------+++--+
oplog.log                                >--+------+++
places.close_unit                        >-----------+
places.import_units                      >-----------+
places.new_unit                          >-----------+
places.org                               >-----------+
places.unit                              >-----------+
places.units                             >-----------+
proofs.checkpoint                        +++++++++++++
proofs.consistency                       +++++++++++++
proofs.key                               +++++++++++++
proofs.line                              +++++++++++++
proofs.log                               >+++-++---++-
proofs.package                           >+++-++---++-
proofs.show                              +++++++++++++
proofs.tile                              +++++++++++++
proofs.verify                            +++++++++++++
static                                   +++++++++++++
users.change_password                    >++++++++++++
users.change_person                      >-----------+
users.choose_password                    +++++++++++++
users.end_membership                     >-----------+
users.forgot_password                    +++++++++++++
users.grant_role                         >-----------+
users.make_link                          >-----------+
users.new_person                         >-----------+
users.people                             >-----------+
users.person                             >-----------+
users.profile                            >++++++++++++
users.revoke_role                        >-----------+
users.sign_in                            +++++++++++++
users.sign_out                           +++++++++++++
users.staff                              >--+------+++
web.health                               +++++++++++++
web.language                             +++++++++++++
web.office                               >++++++++++++
web.patterns                             >++++++++++++
"""


def rows() -> dict[str, str]:
    """Return endpoint → one mark a column."""
    pairs = (line.split() for line in TABLE.strip().splitlines())
    return {str(endpoint): str(marks) for endpoint, marks in pairs}
