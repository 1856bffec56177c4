#ifndef ADJOINT_BENCHMARKS_REPORT_TEXT_H_
#define ADJOINT_BENCHMARKS_REPORT_TEXT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/report/contests.h"
#include "benchmarks/report/figures.h"

namespace adjoint::benchmarks {

struct ReportContext {
  std::vector<std::pair<std::string, std::string>> machine;
  int turns = 0;
  int threads = 0;
  int64_t binary_bytes = -1;        // of the stripped imdb; -1: not known
  std::vector<std::string> misses;  // what could not be measured, and why
};

// The report in Markdown: every goal with the figure held against it, met or not; cost against
// size; every figure.
std::string ReportText(const Figures& figures, const std::vector<Contest>& contests,
                       const std::vector<Growth>& growths, const ReportContext& context);

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_REPORT_TEXT_H_
