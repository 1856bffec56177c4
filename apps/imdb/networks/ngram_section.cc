#include "apps/imdb/networks/ngram_section.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/imdb/text.h"
#include "apps/imdb_ngrams.pb.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int kVersion = 1;
constexpr size_t kBytes = sizeof(uint64_t);

std::string Packed(absl::Span<const uint64_t> fingerprints) {
  std::string bytes;
  bytes.reserve(fingerprints.size() * kBytes);
  for (const uint64_t f : fingerprints) {
    for (size_t i = 0; i < kBytes; ++i) bytes.push_back(static_cast<char>(f >> (8 * i)));
  }
  return bytes;
}

std::vector<uint64_t> Unpacked(absl::string_view bytes) {
  std::vector<uint64_t> fingerprints(bytes.size() / kBytes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    fingerprints[i / kBytes] |= uint64_t{static_cast<unsigned char>(bytes[i])}
                                << (8 * (i % kBytes));
  }
  return fingerprints;
}

}  // namespace

std::string NgramSection::Serialized() const {
  const NgramRule& rule = vocabularies[0]->rule();
  ImdbNgrams message;
  message.set_format_version(kVersion);
  message.set_max_length(rule.max_length);
  message.set_punctuation(rule.punctuation);
  message.set_fingerprints(Packed(vocabularies[0]->fingerprints()));
  if (vocabularies.size() > 1) {
    message.set_telling_fingerprints(Packed(vocabularies[1]->fingerprints()));
  }
  message.set_source(source);
  message.set_synthetic(synthetic);
  return message.SerializeAsString();
}

absl::StatusOr<LoadedNgrams> LoadNgrams(const nn::Model& model, absl::string_view name,
                                        size_t vocabularies) {
  const auto damaged = [&](absl::string_view what) {
    return absl::DataLossError(absl::StrCat("its section '", name, "' ", what));
  };
  const std::string* const section = model.FindSection(name);
  if (section == nullptr) return damaged("is missing");
  ImdbNgrams message;
  if (!message.ParseFromString(*section)) return damaged("is damaged");
  if (message.format_version() != kVersion) {
    return absl::UnimplementedError(absl::StrCat("its section '", name, "' has version ",
                                                 message.format_version(),
                                                 ", this program knows version ", kVersion));
  }
  LoadedNgrams loaded = {message.source(), message.synthetic(), {}};
  for (size_t i = 0; i < vocabularies; ++i) {
    const std::string& bytes = i == 0 ? message.fingerprints() : message.telling_fingerprints();
    if (bytes.size() % kBytes != 0) return damaged("is damaged");
    absl::StatusOr<NgramVocabulary> vocabulary =
        NgramVocabulary::Create({message.max_length(), message.punctuation()}, Unpacked(bytes));
    if (!vocabulary.ok()) return damaged(absl::StrCat("holds ", vocabulary.status().message()));
    loaded.vocabularies.push_back(*std::move(vocabulary));
  }
  return loaded;
}

std::string SummaryOf(const NgramVocabulary& vocabulary) {
  return absl::StrCat(WithCommas(vocabulary.size()), " n-grams of up to ",
                      vocabulary.rule().max_length,
                      vocabulary.rule().punctuation ? " words and marks" : " words");
}

absl::Status AcceptNgramModel(const Options& options, absl::string_view network,
                              absl::string_view what) {
  if (options.Given("network") && options.network != network) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model '", options.model, "' is of the network ", network,
                     ", not --network=", options.network, "; leave the flag out"));
  }
  for (const char* flag : {"num_words", "hidden"}) {
    if (!options.Given(flag)) continue;
    return absl::InvalidArgumentError(absl::StrCat("the model '", options.model, "' is ", what,
                                                   " and has no --", flag, "; leave the flag out"));
  }
  return absl::OkStatus();
}

}  // namespace adjoint::apps::imdb
