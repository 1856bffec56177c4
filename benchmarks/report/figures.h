#ifndef ADJOINT_BENCHMARKS_REPORT_FIGURES_H_
#define ADJOINT_BENCHMARKS_REPORT_FIGURES_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace adjoint::benchmarks {

double Median(std::vector<double> values);

// What was measured: for each benchmark a figure a turn. In turns that a contestant missed it has
// none, so figures are kept by turn.
class Figures {
 public:
  // Takes in a file that Google Benchmark wrote (--benchmark_out). The names of the benchmarks lose
  // the library's suffixes ("/real_time"); of repetitions the median counts. Errors: not such JSON.
  absl::Status AddGoogleBenchmark(int turn, absl::string_view json);
  // Takes in a file that compare_pytorch.py wrote: rows of one name are ways to do the same work,
  // of which the fastest counts, as "<name>/pytorch". Errors: not such JSON.
  absl::Status AddPyTorch(int turn, absl::string_view json);

  // Seconds, a turn each; empty when there are none.
  const std::map<int, double>& Seconds(const std::string& name) const;
  std::optional<double> MedianSeconds(const std::string& name) const;
  std::optional<double> MedianFlops(const std::string& name) const;  // FLOP/s
  // The median over the turns of `name`'s time as a multiple of the fastest of `rivals` in the same
  // turn, and which that was most often; nothing where there is no common turn.
  struct Ratio {
    double value;
    std::string rival;
  };
  std::optional<Ratio> TimesFastest(const std::string& name,
                                    const std::vector<std::string>& rivals) const;

  std::vector<std::string> Names() const;

 private:
  std::map<std::string, std::map<int, double>> seconds_;
  std::map<std::string, std::map<int, double>> flops_;
};

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_REPORT_FIGURES_H_
