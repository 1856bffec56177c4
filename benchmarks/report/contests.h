#ifndef ADJOINT_BENCHMARKS_REPORT_CONTESTS_H_
#define ADJOINT_BENCHMARKS_REPORT_CONTESTS_H_

#include <string>
#include <vector>

namespace adjoint::benchmarks {

// A program that measures: a Google Benchmark of this package, of rivals/, or a work of
// compare_pytorch.py.
struct Contestant {
  enum Kind { kOurs, kRival, kPyTorch };
  Kind kind;
  std::string program;  // "matmul"; of PyTorch the name of the work
  std::vector<std::string> arguments = {};
};

// Contestants whose runs are to take turns, because their results are compared.
struct Round {
  std::string name;
  std::vector<Contestant> contestants;
  // The most turns worth their time: contestants that take a minute repeat the work themselves.
  int most_turns = 100;
};

// What a figure is held against.
struct Contest {
  enum Measure {
    kRatio,    // our time / the fastest rival's, at most `goal`
    kFaster,   // the fastest rival's time / ours, at least `goal`
    kSeconds,  // our time, at most `goal`
  };
  std::string work;
  // Names of benchmarks, without the library's suffixes. Our time is the sum of the first list's.
  std::vector<std::string> ours;
  std::vector<std::string> rivals;
  Measure measure;
  double goal;
};

std::vector<Round> AllRounds();
std::vector<Contest> AllContests();

// Benchmarks whose figures show how cost grows with size: "scaling/batch/" + 1, 2, 4, 8.
struct Growth {
  std::string what;
  std::string prefix;
};
std::vector<Growth> AllGrowths();

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_REPORT_CONTESTS_H_
