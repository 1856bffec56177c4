#ifndef ADJOINT_APPS_IMDB_OPTIONS_H_
#define ADJOINT_APPS_IMDB_OPTIONS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adjoint::apps::imdb {

enum class Command {
  kNotebook,
  kTrain,
  kEvaluate,
  kPredict,
  kExplain,
  kServe,
  kExperiments,
  kDecode,
};

// When output is coloured: kAuto leaves it to the terminal.
enum class ColorMode { kAuto, kAlways, kNever };

// What the command line says, checked: every value is in its range and every name is known.
struct Options {
  Command command = Command::kNotebook;

  std::string data;             // empty: see datasets/imdb_files.h, FindData
  std::string network = "mlp";  // "embedding", "conv", "lstm", "nbsvm", "ensemble"
  int64_t num_words = 10000;
  int epochs = 20;
  int64_t batch_size = 512;
  std::vector<int64_t> hidden = {16, 16};
  std::string activation = "relu";
  double dropout = 0;
  double l2 = 0;
  std::string optimizer = "rmsprop";
  std::string loss = "binary_crossentropy";
  bool sparse = true;
  uint64_t seed = 1;
  int threads = 0;  // 0: as many as there are cores

  std::string out = "imdb_out";
  std::string model;         // the file; never empty
  std::string report_json;   // empty: no report
  std::string trace;         // empty: nothing is timed
  std::string autotune;      // file of kernel choices; empty: the library's own
  std::string dump_passes;   // the folder; empty: nothing is written
  int64_t memory_limit = 0;  // bytes; 0: none

  // train
  std::string checkpoint;  // the folder; empty: none
  bool resume = false;

  // predict, explain; neither: standard input
  std::optional<std::string> text;
  std::optional<std::string> file;

  // explain
  std::string html;  // empty: no page
  ColorMode color = ColorMode::kAuto;

  // serve
  int port = 8080;  // 0: any that is free

  // experiments
  int seeds = 3;

  // decode
  int64_t index = 0;
  bool from_test = false;

  // Names of the flags that were given, without dashes; those of one command alone are not among
  // them.
  std::set<std::string> given;
  bool Given(const std::string& flag) const { return given.count(flag) > 0; }
};

// Says on standard error which of the flags that were given are none of `used`, by this command.
void NoteUnused(const Options& options, std::initializer_list<absl::string_view> used);

struct CommandLine {
  Options options;
  // Not empty when help was asked for: what to print in place of running.
  std::string help;
};

// `args` without the program's name. Errors are one line for the user, a hint included.
absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> args);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_OPTIONS_H_
