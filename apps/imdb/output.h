#ifndef ADJOINT_APPS_IMDB_OUTPUT_H_
#define ADJOINT_APPS_IMDB_OUTPUT_H_

#include <ostream>
#include <streambuf>
#include <string>

#include "apps/console.h"  // IWYU pragma: export

namespace adjoint::apps::imdb {

// While it lives, every line that goes to `out` with "accuracy: " in it gets " (`tag`)" at its end:
// no number from a stand-in corpus is to be taken for one from real reviews, whoever prints it.
class AccuracyTagger final : public std::streambuf {
 public:
  AccuracyTagger(std::ostream& out, std::string tag);
  ~AccuracyTagger() override;
  AccuracyTagger(const AccuracyTagger&) = delete;
  AccuracyTagger& operator=(const AccuracyTagger&) = delete;

 protected:
  int overflow(int byte) override;
  int sync() override;

 private:
  std::ostream& out_;
  std::streambuf* const target_;
  const std::string tag_;
  std::string line_;  // so far, since the last line break or carriage return
};

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_OUTPUT_H_
