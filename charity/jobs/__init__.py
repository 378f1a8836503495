"""Work that takes long: the job row is the truth, workers only carry it out.

A job is written in the transaction of the act that wants it, runs in chunks that commit
together with their progress, and is taken up again when its worker dies. Handlers are
registered by the features above. May import ``db``, ``oplog`` and lower; pages ``web``.
"""
