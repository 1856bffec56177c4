#ifndef ADJOINT_APPS_IMDB_SERVE_API_H_
#define ADJOINT_APPS_IMDB_SERVE_API_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "apps/imdb/serve/batcher.h"

namespace adjoint::apps::imdb {

// What one request may ask for.
inline constexpr size_t kMaxBodyBytes = 1 << 20;
inline constexpr size_t kMaxTexts = 256;
inline constexpr size_t kMaxTextBytes = 100000;

struct HttpRequest {
  std::string method = {}, path = {}, content_type = {}, body = {};
};

struct HttpAnswer {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::string allow = {};  // of a 405: the methods that there are
};

// {"error": {"status": 404, "message": "..."}}
HttpAnswer JsonError(int status, absl::string_view message);

// The service without the network: what is answered to a request. Thread-safe.
//
//   GET  /            the page
//   GET  /v1/model    {"network", "summary", "source", "synthetic", "limits": {...}}
//   POST /v1/predict  {"texts": ["...", ...]} -> {"predictions": [{"probability", "label"}, ...]}
//   POST /v1/explain  {"text": "..."} -> {"probability", "label", "logit", "base",
//                     "pieces": [{"text", "contribution"?}, ...],   which make up the text
//                     "terms": [{"text", "count", "contribution"}, ...]}   strongest first
//
// Errors are those of JsonError: 400 for what is no such JSON, 404, 405, 413 for what is beyond the
// limits above, 415 for another Content-Type than application/json, 500.
class Api {
 public:
  // `batcher` outlives this.
  Api(Batcher& batcher, std::string model_path);

  HttpAnswer Answer(const HttpRequest& request) const;

 private:
  HttpAnswer Predict(const std::string& body) const;
  HttpAnswer Explain(const std::string& body) const;
  std::string ModelJson() const;

  Batcher& batcher_;
  const std::string model_path_;
  std::string page_;
};

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_SERVE_API_H_
