"""Counts the passed and failed tests in Bazel's build events.

Usage: count_tests.py EVENTS_JSON BAZEL_EXIT_CODE

A test target that was not built or not run counts as failed, and so does every other target that
did not build. Prints what failed and, as the last line, "N passed, N failed". Exits with 1 when
something failed, nothing ran, or Bazel itself reports an error.
"""

import json
import sys


def main():
    path, bazel_exit_code = sys.argv[1], int(sys.argv[2])
    passed, failed = set(), set()
    with open(path, encoding="utf-8") as events:
        for line in events:
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except ValueError:
                failed.add("(Bazel's events end in the middle of a line)")
                continue
            name = event["id"]
            if "testSummary" in name:
                label = name["testSummary"]["label"]
                status = event.get("testSummary", {}).get("overallStatus")
                (passed if status == "PASSED" else failed).add(label)
            elif "targetCompleted" in name:
                if not event.get("completed", {}).get("success", False):
                    failed.add(name["targetCompleted"]["label"])
            elif "aborted" in event:
                for key in ("pattern", "unconfiguredLabel", "configuredLabel"):
                    if key in name:
                        value = name[key]
                        failed.add(value.get("label") or " ".join(value.get("pattern", [])))
    passed -= failed
    if bazel_exit_code != 0 and not failed:
        failed.add("(Bazel, with exit code %d)" % bazel_exit_code)
    for label in sorted(failed):
        print("FAILED: " + label)
    if not passed and not failed:
        print("no test ran")
    print("%d passed, %d failed" % (len(passed), len(failed)))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
