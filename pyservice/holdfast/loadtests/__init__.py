"""Rehearsing the peak: open-model traffic of a shop, an honest verdict, a report.

`verdict`, `traffic`, `records` and `profiles` are pure; `users` alone knows Locust and gevent,
and nothing of Holdfast outside of this package does. docs/rehearsal.md tells how to use it.
"""
