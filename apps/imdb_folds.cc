// Cross-validation of the NB-SVM, and of the document vectors beside it, on the training reviews of
// the IMDB data: which settings are best. The test reviews have no part in it.
//
//   bazel run //apps:imdb_folds -- PATH/aclImdb_v1.tar.gz [folds to run, at most 5 [ensemble]]

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "apps/imdb/networks/ensemble.h"
#include "apps/imdb/networks/nbsvm.h"
#include "apps/imdb/progress.h"
#include "apps/imdb/report.h"
#include "core/io/archive.h"
#include "core/status_macros.h"
#include "datasets/imdb.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int64_t kFolds = 5;

using datasets::imdb::LabeledTexts;

struct FoldedReviews {
  std::vector<std::string> texts;
  std::vector<uint8_t> labels;
  std::vector<int64_t> folds;
  std::vector<std::string> unlabeled;
};

// The training reviews of aclImdb_v1.tar.gz. All reviews of a film are in one fold, as no film has
// reviews for training and for testing; train/urls_{pos,neg}.txt tell the film of each, a line a
// review in the order of their numbers.
absl::StatusOr<FoldedReviews> ReadFolds(const std::string& path, bool unlabeled) {
  std::map<std::string, std::string> texts[2], others;
  std::vector<std::string> films[2];
  ADJOINT_ASSIGN_OR_RETURN(io::ArchiveReader reader, io::ArchiveReader::Open(path));
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    if (unlabeled && absl::StrContains(reader.name(), "train/unsup/") &&
        absl::EndsWith(reader.name(), ".txt")) {
      ADJOINT_ASSIGN_OR_RETURN(others[reader.name()], reader.Read(int64_t{64} << 20));
    }
    for (const int label : {0, 1}) {
      const std::string part = label == 1 ? "pos" : "neg";
      const bool is_text = absl::StrContains(reader.name(), absl::StrCat("train/", part, "/")) &&
                           absl::EndsWith(reader.name(), ".txt");
      const bool is_films =
          absl::EndsWith(reader.name(), absl::StrCat("train/urls_", part, ".txt"));
      if (!is_text && !is_films) continue;
      ADJOINT_ASSIGN_OR_RETURN(std::string bytes, reader.Read(int64_t{64} << 20));
      if (is_films) films[label] = absl::StrSplit(bytes, '\n');
      if (is_text) texts[label][reader.name()] = std::move(bytes);
    }
  }
  FoldedReviews reviews;
  for (auto& [name, text] : others) reviews.unlabeled.push_back(std::move(text));
  for (const int label : {1, 0}) {
    for (auto& [name, text] : texts[label]) {
      size_t number = 0;
      const std::string file = name.substr(name.rfind('/') + 1);
      if (!absl::SimpleAtoi(file.substr(0, file.find('_')), &number) ||
          number >= films[label].size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", path, "' does not tell the film of ", name));
      }
      uint64_t hash = 0xcbf29ce484222325;
      for (const char c : films[label][number]) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
      }
      reviews.texts.push_back(std::move(text));
      reviews.labels.push_back(static_cast<uint8_t>(label));
      reviews.folds.push_back(static_cast<int64_t>(MixBits(hash) % kFolds));
    }
  }
  return reviews;
}

std::pair<LabeledTexts, LabeledTexts> Part(const FoldedReviews& all, int64_t fold) {
  std::pair<LabeledTexts, LabeledTexts> parts;
  for (size_t i = 0; i < all.texts.size(); ++i) {
    LabeledTexts& to = all.folds[i] == fold ? parts.second : parts.first;
    to.texts.push_back(all.texts[i]);
    to.labels.push_back(all.labels[i]);
  }
  return parts;
}

struct Variant {
  const char* what;
  NbsvmSettings settings;
};

std::vector<Variant> Variants() {
  const NbsvmSettings usual;
  std::vector<Variant> variants = {{"the defaults", usual}};
  const auto add = [&](const char* what, auto set) {
    variants.push_back({what, usual});
    set(variants.back().settings);
  };
  add("1- and 2-grams", [](NbsvmSettings& s) { s.rule.max_length = 2; });
  add("1- to 4-grams", [](NbsvmSettings& s) { s.rule.max_length = 4; });
  add("words alone", [](NbsvmSettings& s) { s.rule.punctuation = false; });
  add("n-grams of 1 review too", [](NbsvmSettings& s) { s.min_texts = 1; });
  add("n-grams of 3 reviews or more", [](NbsvmSettings& s) { s.min_texts = 3; });
  add("smoothing 0.5", [](NbsvmSettings& s) { s.smoothing = 0.5; });
  add("rate 50", [](NbsvmSettings& s) { s.learning_rate = 50; });
  add("rate 200", [](NbsvmSettings& s) { s.learning_rate = 200; });
  add("6 epochs", [](NbsvmSettings& s) { s.epochs = 6; });
  return variants;
}

double Accuracy(const std::vector<float>& logits, const LabeledTexts& texts) {
  double right = 0;
  for (size_t i = 0; i < logits.size(); ++i) right += (logits[i] > 0) == (texts.labels[i] == 1);
  return 100 * right / static_cast<double>(std::max<size_t>(1, logits.size()));
}

struct DocumentVariant {
  const char* what;
  DocumentClassifierSettings settings;
};

std::vector<DocumentVariant> DocumentVariants() {
  const DocumentClassifierSettings usual;
  std::vector<DocumentVariant> variants = {{"the defaults", usual}};
  const auto add = [&](const char* what, auto set) {
    variants.push_back({what, usual});
    set(variants.back().settings);
  };
  add("96 units", [](DocumentClassifierSettings& s) { s.vectors.rule.units = 96; });
  add("384 units", [](DocumentClassifierSettings& s) { s.vectors.rule.units = 384; });
  add("ratio 0.5", [](DocumentClassifierSettings& s) { s.vectors.least_ratio = 0.5; });
  add("alpha 3", [](DocumentClassifierSettings& s) { s.vectors.rule.alpha = 3; });
  add("alpha 6", [](DocumentClassifierSettings& s) { s.vectors.rule.alpha = 6; });
  add("8 epochs", [](DocumentClassifierSettings& s) { s.vectors.epochs = 8; });
  return variants;
}

// The document vectors alone, and beside the NB-SVM with several weights.
absl::Status RunEnsemble(const std::string& path, int64_t folds) {
  constexpr double kWeights[] = {0.25, 0.5, 0.75, 1, 1.5, 2};
  ADJOINT_ASSIGN_OR_RETURN(const FoldedReviews reviews, ReadFolds(path, true));
  std::cout << reviews.texts.size() << " training reviews, " << reviews.unlabeled.size()
            << " without labels; accuracy in %: of the NB-SVM, of the document vectors, of both "
            << "with the weights " << absl::StrJoin(kWeights, ", ") << "; seconds of the vectors"
            << std::endl;
  std::vector<std::vector<float>> naive(static_cast<size_t>(folds));
  for (int64_t fold = 0; fold < folds; ++fold) {
    const auto [train, held] = Part(reviews, fold);
    ADJOINT_ASSIGN_OR_RETURN(Nbsvm nbsvm, TrainNbsvm(train, {}));
    ADJOINT_ASSIGN_OR_RETURN(naive[fold], nbsvm.Predict(held.texts));
    for (float& p : naive[fold]) p = std::log(p / (1 - p));
  }
  const std::vector<DocumentVariant> variants = DocumentVariants();
  Progress progress("Cross-validation");
  double done = 0;
  for (const DocumentVariant& variant : variants) {
    std::vector<double> sums(2 + std::size(kWeights));
    for (int64_t fold = 0; fold <= folds; ++fold) {
      std::vector<double> row(sums.size());
      const Stopwatch watch;
      if (fold < folds) {
        const auto [train, held] = Part(reviews, fold);
        ADJOINT_ASSIGN_OR_RETURN(
            const DocumentClassifier documents,
            TrainDocumentClassifier(reviews.unlabeled, train, variant.settings));
        progress.Update(++done / static_cast<double>(folds) / static_cast<double>(variants.size()),
                        variant.what);
        ADJOINT_ASSIGN_OR_RETURN(const std::vector<float> logits, documents.Logits(held.texts));
        row[0] = Accuracy(naive[fold], held);
        row[1] = Accuracy(logits, held);
        for (size_t w = 0; w < std::size(kWeights); ++w) {
          std::vector<float> both = naive[fold];
          for (size_t i = 0; i < both.size(); ++i) {
            both[i] += static_cast<float>(kWeights[w]) * logits[i];
          }
          row[2 + w] = Accuracy(both, held);
        }
        for (size_t i = 0; i < sums.size(); ++i) sums[i] += row[i];
      } else {
        for (size_t i = 0; i < sums.size(); ++i) row[i] = sums[i] / static_cast<double>(folds);
      }
      progress.Clear();
      std::cout << absl::StrFormat("%-16s %-5s", variant.what,
                                   fold < folds ? absl::StrCat(fold) : "mean");
      for (const double accuracy : row) std::cout << absl::StrFormat(" %6.2f", accuracy);
      if (fold < folds) std::cout << absl::StrFormat("  %5.1f s", watch.Seconds());
      std::cout << std::endl;
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& path, int64_t folds) {
  ADJOINT_ASSIGN_OR_RETURN(const FoldedReviews reviews, ReadFolds(path, false));
  std::cout << reviews.texts.size() << " training reviews; accuracy in % on each fold, mean, "
            << "seconds a fold" << std::endl;
  const std::vector<Variant> variants = Variants();
  Progress progress("Cross-validation");
  double done = 0;
  for (const Variant& variant : variants) {
    double sum = 0;
    const Stopwatch watch;
    std::string line = absl::StrFormat("%-30s", variant.what);
    for (int64_t fold = 0; fold < folds; ++fold) {
      const auto [train, held] = Part(reviews, fold);
      ADJOINT_ASSIGN_OR_RETURN(Nbsvm nbsvm, TrainNbsvm(train, variant.settings));
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<float> p, nbsvm.Predict(held.texts));
      double right = 0;
      for (size_t i = 0; i < p.size(); ++i) right += (p[i] > 0.5f) == (held.labels[i] == 1);
      const double accuracy = 100 * right / static_cast<double>(std::max<size_t>(1, p.size()));
      absl::StrAppendFormat(&line, " %6.2f", accuracy);
      sum += accuracy;
      progress.Update(++done / static_cast<double>(folds) / static_cast<double>(variants.size()),
                      variant.what);
    }
    progress.Clear();
    std::cout << line
              << absl::StrFormat("  mean %6.3f  %5.1f s", sum / static_cast<double>(folds),
                                 watch.Seconds() / static_cast<double>(folds))
              << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace adjoint::apps::imdb

int main(int argc, char** argv) {
  int64_t folds = 5;
  const bool ensemble = argc == 4 && argv[3] == absl::string_view("ensemble");
  if (argc < 2 || argc > 4 || (argc == 4 && !ensemble) ||
      (argc > 2 && (!absl::SimpleAtoi(argv[2], &folds) || folds < 1 || folds > 5))) {
    std::cerr << "imdb_folds: wants the path of aclImdb_v1.tar.gz, and perhaps a number of folds, "
                 "1 to 5, and then the word ensemble\n";
    return 2;
  }
  const absl::Status status = ensemble ? adjoint::apps::imdb::RunEnsemble(argv[1], folds)
                                       : adjoint::apps::imdb::Run(argv[1], folds);
  if (status.ok()) return 0;
  std::cerr << "imdb_folds: " << status.message() << std::endl;
  return 1;
}
