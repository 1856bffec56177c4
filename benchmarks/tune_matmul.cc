// Times matrix products by every plan worth it and writes the table that the library chooses by, of
// which ops/gemm/plan_table.inc is the copy in the tree:
//
//   bazel run //benchmarks:tune_matmul -- --out=$PWD/ops/gemm/plan_table.inc
//
// Rows of other instruction sets are kept. Run it on a machine that does nothing else.

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/simd.h"
#include "ops/autotune.h"

namespace adjoint::benchmarks {
namespace {

using ops::MatMulShape;

// Squares, and layers with the products of their gradients.
std::vector<MatMulShape> Shapes() {
  std::vector<MatMulShape> shapes;
  for (const int64_t n : {64, 128, 256, 512, 1024, 2048}) {
    for (const int flags : {0, 1, 2}) {
      if (n != 512 && flags != 0) continue;
      shapes.push_back({n, n, n, (flags & 2) != 0, (flags & 1) != 0});
    }
  }
  const auto layer = [&](int64_t batch, int64_t in, int64_t out) {
    shapes.push_back({batch, out, in});
    shapes.push_back({batch, in, out, false, true});
    shapes.push_back({in, out, batch, true, false});
  };
  layer(512, 10000, 16);
  layer(512, 16, 16);
  layer(128, 784, 512);
  layer(128, 512, 512);
  layer(128, 512, 10);
  layer(32, 1024, 1024);
  layer(1, 1024, 1024);
  layer(32, 64, 64);
  layer(128, 256, 256);
  return shapes;
}

std::string Row(const MatMulShape& s, const std::string& plan, const char* isa) {
  const auto flag = [](bool b) { return b ? "true" : "false"; };
  return absl::StrCat("{Isa::", isa, ", {", s.m, ", ", s.n, ", ", s.k, ", ", flag(s.transpose_lhs),
                      ", ", flag(s.transpose_rhs), "}, \"", plan, "\"},\n");
}

const char* IsaIdentifier() {
  switch (CurrentIsa()) {
    case Isa::kAvx512:
      return "kAvx512";
    case Isa::kAvx2:
      return "kAvx2";
    case Isa::kBaseline:
      break;
  }
  return "kBaseline";
}

int Run(const std::string& path) {
  ops::Autotuner tuner;
  std::string rows;
  tuner.set_observer([&](const ops::Autotuner::Timing& timing) {
    std::cout << timing.ToString() << "\n" << std::flush;
  });
  for (const MatMulShape& shape : Shapes()) {
    const auto plan = tuner.Choose(shape);
    if (!plan.ok()) {
      std::cerr << plan.status().message() << "\n";
      return 1;
    }
    absl::StrAppend(&rows, Row(shape, plan->ToString(), IsaIdentifier()));
  }
  std::string kept;
  if (std::ifstream old(path); old) {
    for (std::string line; std::getline(old, line);) {
      if (!line.empty() && !absl::StrContains(line, IsaIdentifier()))
        absl::StrAppend(&kept, line, "\n");
    }
  }
  std::ofstream file(path);
  file << kept << rows;
  file.close();
  if (!file) {
    std::cerr << "cannot write " << path << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace adjoint::benchmarks

int main(int argc, char** argv) {
  CLI::App app("Times matrix products and writes the table of kernels to choose by");
  std::string out;
  app.add_option("--out", out, "The table to write")->required();
  CLI11_PARSE(app, argc, argv);
  return adjoint::benchmarks::Run(out);
}
