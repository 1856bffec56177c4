#include "apps/imdb/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/imdb/flags.h"
#include "apps/imdb/networks/on_texts.h"
#include "apps/imdb/networks/sequence.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

// How many letters must be changed, added or left out to make `b` of `a`.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string NameOf(Command command) {
  for (const CommandText& text : Commands()) {
    if (text.command == command) return text.name;
  }
  return "";
}

absl::Status UnknownArgument(const std::string& argument, bool after_command) {
  const bool is_flag = absl::StartsWith(argument, "-");
  if (!is_flag && after_command) {
    return UsageError(absl::StrCat("unexpected '", argument, "' after the command"));
  }
  const std::string name = argument.substr(0, argument.find('='));
  std::vector<std::string> commands, known = {"--help"};
  for (const CommandText& text : Commands()) commands.push_back(text.name);
  std::vector<std::string> owners;
  bool takes_value = false;
  for (const Flag& flag : Flags()) {
    known.push_back(absl::StrCat("--", flag.name));
    if (known.back() != name) continue;
    takes_value = *flag.type != '\0';
    for (const Command command : flag.commands) owners.push_back(NameOf(command));
  }
  if (!owners.empty()) {
    return UsageError(absl::StrCat(name, " belongs to the command", owners.size() > 1 ? "s " : " ",
                                   absl::StrJoin(owners, " and "), ": imdb ", owners[0], " ", name,
                                   takes_value ? "=..." : ""));
  }
  if (!is_flag) known = commands;
  const auto nearest =
      std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
        return EditDistance(name, a) < EditDistance(name, b);
      });
  std::string hint;
  if (EditDistance(name, *nearest) <= 2) {
    hint = absl::StrCat("; did you mean ", *nearest, "?");
  } else if (!is_flag) {
    hint = absl::StrCat("; commands are ", absl::StrJoin(commands, ", "));
  }
  return UsageError(absl::StrCat("unknown ", is_flag ? "flag" : "command", " '", name, "'", hint));
}

// What goes together once every flag is read.
absl::Status CheckTogether(const Options& options) {
  if (options.command == Command::kExperiments && options.network != "mlp") {
    return UsageError(absl::StrCat("--network=", options.network,
                                   ": the experiments are variants of the network mlp"));
  }
  if (!options.checkpoint.empty() && ReadsTexts(options.network)) {
    return UsageError(absl::StrCat("--checkpoint: the network ", options.network,
                                   " keeps none and is trained in one go; leave the flag out"));
  }
  if (options.resume && options.checkpoint.empty()) {
    return UsageError("--resume wants --checkpoint=DIR, the folder to resume from");
  }
  if (options.text.has_value() && options.file.has_value()) {
    return UsageError("--text and --file are both given; give one of them");
  }
  return absl::OkStatus();
}

}  // namespace

void NoteUnused(const Options& options, std::initializer_list<absl::string_view> used) {
  std::vector<std::string> unused;
  for (const std::string& flag : options.given) {
    if (flag == "trace" || flag == "autotune") continue;  // of any command
    if (std::find(used.begin(), used.end(), flag) == used.end()) {
      unused.push_back(absl::StrCat("--", flag));
    }
  }
  if (unused.empty()) return;
  std::cerr << "Note: this command makes no use of " << absl::StrJoin(unused, ", ") << std::endl;
}

absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> args) {
  CLI::App app(kDescription, "imdb");
  app.allow_extras();
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(30);
  CommandLine line;
  Options& options = line.options;
  std::map<Command, CLI::App*> commands;
  for (const CommandText& text : Commands()) {
    CLI::App* const command = app.add_subcommand(text.name, text.help);
    command->fallthrough();
    commands[text.command] = command;
  }
  std::map<std::string, std::string> values;
  const auto add = [&](const Flag& flag, CLI::App& to) {
    const std::string name = absl::StrCat("--", flag.name);
    if (*flag.type == '\0') {
      to.add_flag(name, flag.help);
    } else {
      to.add_option(name, values[flag.name], flag.help)->type_name(flag.type)->take_last();
    }
  };
  for (const Flag& flag : Flags()) {
    for (const Command command : flag.commands) add(flag, *commands[command]);
    if (!flag.commands.empty()) continue;
    add(flag, app);
    app.get_option(absl::StrCat("--", flag.name))->group(flag.group);
  }
  std::string index = "0";
  commands[Command::kDecode]
      ->add_option("INDEX", index, "Number of the review, from 0 [0]")
      ->type_name("");
  app.footer(kFooter);  // subcommands would inherit an earlier one

  // "--flag=" is a flag with an empty value, which CLI11 takes for one whose value follows.
  std::vector<std::string> reversed;
  for (std::string& arg : args) {
    const bool empty_value =
        absl::StartsWith(arg, "--") && arg.size() > 3 && arg.find('=') == arg.size() - 1;
    if (empty_value) arg.pop_back();
    reversed.push_back(std::move(arg));
    if (empty_value) reversed.emplace_back();
  }
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    line.help = app.help();
    for (const CommandText& text : Commands()) {
      if (!app.got_subcommand(text.name)) continue;
      line.help = absl::StrCat(commands[text.command]->help("imdb"), text.footer, kCommandFooter);
    }
    return line;
  } catch (const CLI::ArgumentMismatch& error) {
    // "--epochs: 1 required N missing"
    const std::string what = error.what();
    return UsageError(absl::StrCat(what.substr(0, what.find(':')), " has no value"));
  } catch (const CLI::Error& error) {
    return UsageError(error.what());
  }
  const std::vector<CLI::App*> called = app.get_subcommands();
  if (const std::vector<std::string> extras = app.remaining(true); !extras.empty()) {
    return UnknownArgument(extras[0], !called.empty());
  }
  const CLI::App* command = &app;
  for (const auto& [which, subcommand] : commands) {
    if (called.empty() || called[0] != subcommand) continue;
    options.command = which;
    command = subcommand;
  }
  if (options.command == Command::kTrain) options.epochs = 4;
  for (const Flag& flag : Flags()) {
    const bool general = flag.commands.empty();
    const bool ours = std::find(flag.commands.begin(), flag.commands.end(), options.command) !=
                      flag.commands.end();
    const std::string name = absl::StrCat("--", flag.name);
    if (!(general ? app.count(name) > 0 : ours && command->count(name) > 0)) continue;
    if (*flag.type == '\0') {
      (flag.name == absl::string_view("test") ? options.from_test : options.resume) = true;
      continue;
    }
    ADJOINT_RETURN_IF_ERROR(ReadFlag(flag.name, values[flag.name], &options));
    if (general) options.given.insert(flag.name);
  }
  if (IsSequenceNetwork(options.network)) SetSequenceDefaults(options);
  if (options.model.empty()) options.model = absl::StrCat(options.out, "/imdb.model");
  ADJOINT_RETURN_IF_ERROR(CheckTogether(options));
  if (!absl::SimpleAtoi(index, &options.index) || options.index < 0) {
    return UsageError(
        absl::StrCat("decode '", index, "': wants the number of a review, 0 or more"));
  }
  return line;
}

}  // namespace adjoint::apps::imdb
