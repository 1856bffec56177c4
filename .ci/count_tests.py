"""Counts the passed and failed tests in Bazel's build events.

Usage: count_tests.py EVENTS_JSON BAZEL_EXIT_CODE [NAME=EXIT_CODE...]

A test target that was not built or not run counts as failed, and so does every other target that
did not build. Each NAME is a test of its own that ended with that code. Prints the test cases that skipped themselves, what failed and, as the last line,
"N passed, N failed". Exits with 1 when something failed, nothing ran, or Bazel itself reports an
error.
"""

import json
import re
import sys
import urllib.parse


def skipped_cases(outputs):
    """Names of the GoogleTest cases that a test's log reports as skipped."""
    names = set()
    for output in outputs:
        uri = urllib.parse.urlparse(output.get("uri", ""))
        if output.get("name") != "test.log" or uri.scheme != "file":
            continue
        try:
            with open(urllib.parse.unquote(uri.path), encoding="utf-8", errors="replace") as log:
                names.update(re.findall(r"^\[  SKIPPED \] (\w+(?:/\w+)?\.[\w./]+)", log.read(), re.MULTILINE))
        except OSError as error:
            print("cannot read a test's log: %s" % error)
    return names


def main():
    path, bazel_exit_code = sys.argv[1], int(sys.argv[2])
    passed, failed, skipped = set(), set(), set()
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
            elif "testResult" in name:
                outputs = event.get("testResult", {}).get("testActionOutput", [])
                for case in skipped_cases(outputs):
                    skipped.add("%s %s" % (name["testResult"]["label"], case))
            elif "targetCompleted" in name:
                if not event.get("completed", {}).get("success", False):
                    failed.add(name["targetCompleted"]["label"])
            elif "aborted" in event:
                for key in ("pattern", "unconfiguredLabel", "configuredLabel"):
                    if key in name:
                        value = name[key]
                        failed.add(value.get("label") or " ".join(value.get("pattern", [])))
    for test in sys.argv[3:]:
        name, code = test.rsplit("=", 1)
        (passed if code == "0" else failed).add(name)
    passed -= failed
    if bazel_exit_code != 0 and not failed:
        failed.add("(Bazel, with exit code %d)" % bazel_exit_code)
    for case in sorted(skipped):
        print("SKIPPED: " + case)
    for label in sorted(failed):
        print("FAILED: " + label)
    if not passed and not failed:
        print("no test ran")
    print("%d passed, %d failed" % (len(passed), len(failed)))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
