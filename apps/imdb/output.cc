#include "apps/imdb/output.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace adjoint::apps::imdb {

AccuracyTagger::AccuracyTagger(std::ostream& out, std::string tag)
    : out_(out), target_(out.rdbuf()), tag_(std::move(tag)) {
  out_.rdbuf(this);
}

AccuracyTagger::~AccuracyTagger() {
  // Setting a buffer clears the state, which must go on to tell of failed writes.
  const std::ios::iostate state = out_.rdstate();
  out_.rdbuf(target_);
  out_.setstate(state);
}

int AccuracyTagger::overflow(int byte) {
  if (traits_type::eq_int_type(byte, traits_type::eof())) return traits_type::not_eof(byte);
  const char c = traits_type::to_char_type(byte);
  if (c == '\n') {
    if (absl::StrContains(line_, "accuracy: ") && !absl::StrContains(line_, tag_)) {
      const std::string note = absl::StrCat(" (", tag_, ")");
      const auto size = static_cast<std::streamsize>(note.size());
      if (target_->sputn(note.data(), size) != size) return traits_type::eof();
    }
    line_.clear();
  } else if (c == '\r') {
    line_.clear();
  } else {
    line_.push_back(c);
  }
  return target_->sputc(c);
}

int AccuracyTagger::sync() { return target_->pubsync(); }

}  // namespace adjoint::apps::imdb
