"""Who may open what: one row an endpoint, one column a role. Read each changed row yourself.

``+`` may open it; ``-`` is refused with 403; ``>`` is led to sign in. The first column is
a visitor without a login; the others are the roles of docs/roles.md in their order.
``test_access.py`` holds the table to the declarations and to what really answers.
"""

from __future__ import annotations

TABLE = """
jobs.cancel                              >++++++++++++
jobs.job                                 >++++++++++++
jobs.jobs                                >++++++++++++
jobs.status                              >++++++++++++
ledger.add_voucher_papers                >++++++---++-
ledger.attachment                        >++++++---++-
ledger.discard_draft                     >+-----------
ledger.draft                             >++++++---++-
ledger.drafts                            >++++++---++-
ledger.edit_draft                        >+-----------
ledger.new_draft                         >+-----------
ledger.post                              >-++---------
ledger.post_marked                       >-++---------
ledger.preview_draft                     >+-----------
ledger.print_many                        >++++++---++-
ledger.print_voucher                     >++++++---++-
ledger.recall_draft                      >+-----------
ledger.return_draft                      >-++---------
ledger.review                            >-++---------
ledger.review_draft                      >-++---------
ledger.review_marked                     >-++---------
ledger.save_draft                        >+-----------
ledger.save_new_draft                    >+-----------
ledger.sign                              >---+--------
ledger.sign_draft                        >---+--------
ledger.sign_marked                       >---+--------
ledger.submit_draft                      >+-----------
ledger.voucher                           >++++++---++-
ledger.vouchers                          >++++++---++-
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
