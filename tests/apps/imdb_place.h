#ifndef ADJOINT_TESTS_APPS_IMDB_PLACE_H_
#define ADJOINT_TESTS_APPS_IMDB_PLACE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/apps/app_runner.h"

namespace adjoint::apps {

// The program //apps:imdb, from the folder of the runfiles, where a test starts.
inline std::string ImdbProgram() { return std::filesystem::absolute("apps/imdb").string(); }

inline RunResult Imdb(const Place& place, const std::vector<std::string>& args,
                      const std::string& input = "") {
  return place.Run(ImdbProgram(), args, input);
}

// A place with a model trained on the synthetic reviews, in imdb_out/, made once a test binary.
inline const Place& TrainedPlace() {
  static const Place* const place = [] {
    auto* made = new Place("trained");
    const RunResult run = Imdb(*made, {"train", "--report_json=report.json"});
    EXPECT_EQ(run.code, 0) << run.err;
    return made;
  }();
  return *place;
}

}  // namespace adjoint::apps

#endif  // ADJOINT_TESTS_APPS_IMDB_PLACE_H_
