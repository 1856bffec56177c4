// Runs tests in ONNX's format:
//
//     bazel run //apps:onnx_conformance -- DIR [--json=PATH]
//
// DIR is a folder with tests anywhere below it, or an archive of one (.tar.gz, .zip). A line is
// printed for each test that does not pass. Exit codes: 0 when none failed, 1 otherwise, 2 for a
// mistake in the command line.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "apps/conformance/conformance.h"
#include "apps/console.h"
#include "core/io/file.h"
#include "core/status_macros.h"

namespace adjoint::apps::conformance {
namespace {

constexpr char kProgram[] = "onnx_conformance";
constexpr char kUsageText[] =
    "usage: onnx_conformance DIR [--json=PATH]\n"
    "Runs every ONNX test (a folder with model.onnx and test_data_set_*) under DIR, a folder or "
    "an\n"
    "archive (.tar.gz, .zip), and prints those that do not pass. PATH gets\n"
    "{\"passed\": [names], \"failed\": {name: why}, \"skipped\": {name: why}}.\n";

// Text as one line of UTF-8, whatever bytes a damaged file has put into it: others become '?'.
std::string OneLine(absl::string_view text) {
  std::string line;
  for (size_t i = 0; i < text.size();) {
    const auto at = [&](size_t k) {
      return i + k < text.size() ? static_cast<uint8_t>(text[i + k]) : uint8_t{0};
    };
    const uint8_t first = at(0);
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first > 0xf4) length = 0;
    for (size_t k = 1; k < length; ++k) {
      if ((at(k) & 0xc0) != 0x80) length = 0;
    }
    // Overlong, surrogates, beyond the last code point.
    if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f) ||
        (first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) {
      length = 0;
    }
    if (first == '\n') {
      line += "; ";
    } else if (length == 0 || first < ' ' || first == 0x7f) {
      line += '?';
    } else {
      absl::StrAppend(&line, text.substr(i, length));
    }
    i += std::max<size_t>(length, 1);
  }
  return line;
}

int FailLegibly(absl::string_view message, int code = kExitFailed) {
  return Fail(kProgram, OneLine(message), code);
}

struct Arguments {
  std::string tests;
  std::string json;
};

absl::StatusOr<Arguments> Parse(const std::vector<std::string>& args) {
  Arguments arguments;
  for (const std::string& arg : args) {
    absl::string_view value = arg;
    if (absl::ConsumePrefix(&value, "--json=")) {
      if (value.empty()) return absl::InvalidArgumentError("--json needs a path");
      arguments.json = std::string(value);
    } else if (absl::StartsWith(arg, "-")) {
      return absl::InvalidArgumentError(absl::StrCat("unknown option '", arg, "'"));
    } else if (arguments.tests.empty() && !arg.empty()) {
      arguments.tests = arg;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("one folder is enough, not also '", arg, "'"));
    }
  }
  if (arguments.tests.empty()) return absl::InvalidArgumentError("which folder? See --help");
  return arguments;
}

int Report(const std::vector<Test>& tests, const std::string& json_path) {
  nlohmann::json report = {{"passed", nlohmann::json::array()},
                           {"failed", nlohmann::json::object()},
                           {"skipped", nlohmann::json::object()}};
  for (const Test& test : tests) {
    const Outcome outcome = RunTestApart(test);
    if (outcome.kind == Outcome::Kind::kPassed) {
      report["passed"].push_back(test.name);
      continue;
    }
    const bool failed = outcome.kind == Outcome::Kind::kFailed;
    report[failed ? "failed" : "skipped"][test.name] = outcome.why;
    std::cout << (failed ? "FAILED " : "SKIPPED ") << OneLine(test.name) << ": "
              << OneLine(outcome.why) << std::endl;
  }
  const size_t failed = report["failed"].size();
  std::cout << report["passed"].size() << " passed, " << failed << " failed, "
            << report["skipped"].size() << " skipped" << std::endl;
  if (!json_path.empty()) {
    const std::string text =
        report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    const absl::Status written = io::WriteFileAtomically(json_path, text);
    if (!written.ok()) return FailLegibly(written.message());
  }
  if (!std::cout) return FailLegibly("cannot write to standard output");
  return failed == 0 ? 0 : kExitFailed;
}

int Main(const std::vector<std::string>& args) {
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h") return PrintHelp(kUsageText);
  }
  const absl::StatusOr<Arguments> arguments = Parse(args);
  if (!arguments.ok()) return FailLegibly(arguments.status().message(), kExitUsage);
  const absl::Status entered = EnterUsersFolder();
  if (!entered.ok()) return FailLegibly(entered.message());
  std::string root = arguments->tests;
  std::optional<UnpackedArchive> unpacked;
  std::error_code error;
  if (std::filesystem::is_regular_file(root, error)) {
    absl::StatusOr<UnpackedArchive> archive = UnpackedArchive::Unpack(root);
    if (!archive.ok()) return FailLegibly(archive.status().message(), kExitUsage);
    unpacked.emplace(*std::move(archive));
    root = unpacked->folder();
  }
  const absl::StatusOr<std::vector<Test>> tests = FindTests(root);
  if (!tests.ok()) return FailLegibly(tests.status().message(), kExitUsage);
  if (tests->empty()) {
    return FailLegibly(
        absl::StrCat("there is no test (a folder with model.onnx) under '", arguments->tests, "'"),
        kExitUsage);
  }
  return Report(*tests, arguments->json);
}

}  // namespace
}  // namespace adjoint::apps::conformance

int main(int argc, char** argv) {
  using namespace adjoint::apps;
  return RunMain(conformance::kProgram, argc, argv, conformance::Main);
}
