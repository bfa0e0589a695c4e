"""Reports in Debian's Chromium, driven by Playwright. They belong to the second part of the tests,
which `.ci/run-servers` runs.
"""
