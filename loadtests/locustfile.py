"""Locust's way in: `locust -f loadtests` opens the web page, one order a second for each user.

`--host` is the service (127.0.0.1:7420 if it is left empty), REHEARSAL_TOKEN_FILE its operator's
secret (data/admin.token). The users, and everything else, are in `holdfast.loadtests`.
"""

from holdfast.loadtests.users import ShopUser

__all__ = ["ShopUser"]
