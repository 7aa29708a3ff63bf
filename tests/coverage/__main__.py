"""``python -m tests.coverage`` judges every case and writes ``docs/coverage.md``.

Where a verdict is not as declared nothing is written, and the exit code is 1.
"""

import sys

from tests.coverage.cases import all_cases
from tests.coverage.page import TARGET, page
from tests.coverage.verdicts import judge, unexpected


def main() -> int:
    verdicts = {case: judge(case) for case in all_cases()}
    wrong = [text for case, verdict in verdicts.items() if (text := unexpected(case, verdict))]
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    TARGET.write_text(page(verdicts), encoding="utf-8")
    print(f"{TARGET.name}: {len(verdicts)} cases", file=sys.stderr)
    return 0


sys.exit(main())
