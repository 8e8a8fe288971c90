"""What holds for every test, and for the kernels that nbval starts."""

import os

from scripts import build, notebook

for _name, _value in notebook.ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)


def pytest_terminal_summary(terminalreporter):
    """The chapters' CPU times, which the budget test judges, printed whatever comes of it."""
    ran = [r for reports in terminalreporter.stats.values() for r in reports]
    if not any("test_notebooks.py" in getattr(r, "nodeid", "") for r in ran):
        return
    times = build.cpu_times()
    if times:
        terminalreporter.section("CPU seconds of each chapter")
        for name, seconds in times.items():
            mark = "  OVER BUDGET" if seconds > 60 else ""
            terminalreporter.write_line(f"{name:40} {seconds:6.1f}{mark}")
        terminalreporter.write_line(f"{'all':40} {sum(times.values()):6.1f}")
