"""Keep the triggers of a release: ``python migrations/keep_seals.py 0001``.

A developer's tool, run when a release goes out. It writes every declared trigger to
``seals/``, so that later versions can tell, before they upgrade, whether a database of
this release still has the guards it was sealed with. The files are never edited.
"""

from __future__ import annotations

import sys

from charity import schema
from charity.upkeep.revisions import keep_seals

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    schema.load_tables()
    print(keep_seals(sys.argv[1]))
