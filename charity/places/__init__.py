"""Places: the legal entities that keep books here, and the map of units they work in.

Units (city, county, township, village) carry dates of validity and are never deleted:
an old record keeps naming the township it was made in. May import ``oplog``, ``web``
and lower.
"""
