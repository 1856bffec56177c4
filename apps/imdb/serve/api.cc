#include "apps/imdb/serve/api.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "apps/imdb/explained_text.h"
#include "apps/report/html.h"
#include "apps/report/page.h"

namespace adjoint::apps::imdb {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kPage[] =
#include "apps/imdb_page.html.inc"
    ;

std::string Dump(const Json& json) {
  return absl::StrCat(json.dump(-1, ' ', false, Json::error_handler_t::replace), "\n");
}

// A float has some seven digits.
double Rounded(double value) { return std::round(value * 1e6) / 1e6; }

bool IsJson(absl::string_view content_type) {
  const absl::string_view type = content_type.substr(0, content_type.find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(type), "application/json");
}

// The member `key` of the object that `body` is; otherwise the answer to give.
struct Member {
  Json value = {};
  HttpAnswer error = {};  // 200 when there is none
};
Member FindMember(const std::string& body, const char* key, absl::string_view example) {
  Json json;
  try {
    json = Json::parse(body);
  } catch (const Json::parse_error& error) {
    return {.error =
                JsonError(400, absl::StrCat("the body is no JSON: something is wrong at byte ",
                                            error.byte, " of ", body.size(), "; send ", example))};
  }
  if (!json.is_object() || !json.contains(key)) {
    return {.error = JsonError(
                400, absl::StrCat("the body is ", json.is_object() ? "an object" : "no object",
                                  " without \"", key, "\"; send ", example))};
  }
  return {.value = json[key]};
}

HttpAnswer CheckText(const std::string& text, absl::string_view name) {
  if (text.size() <= kMaxTextBytes) return {};
  return JsonError(413, absl::StrCat(name, " has ", text.size(), " bytes; a text may have up to ",
                                     kMaxTextBytes));
}

HttpAnswer Failed(const absl::Status& status) { return JsonError(500, status.message()); }

constexpr char kTextsExample[] = "{\"texts\": [\"A fine film.\"]}";
constexpr char kTextExample[] = "{\"text\": \"A fine film.\"}";

}  // namespace

HttpAnswer JsonError(int status, absl::string_view message) {
  Json json;
  json["error"] = {{"status", status}, {"message", std::string(message)}};
  return {.status = status, .body = Dump(json)};
}

Api::Api(Batcher& batcher, std::string model_path)
    : batcher_(batcher), model_path_(std::move(model_path)) {
  const ClassifierInfo& info = batcher.info();
  const std::string about = absl::StrCat("Model ", model_path_, " (", info.network, "; ",
                                         info.summary, "), trained on ", info.source);
  page_ = absl::StrReplaceAll(kPage, {{"{{style}}", report::StyleSheet()},
                                      {"{{about}}", report::Escape(about)},
                                      {"{{max_bytes}}", report::Thousands(kMaxTextBytes)}});
}

HttpAnswer Api::Answer(const HttpRequest& request) const {
  struct Route {
    const char* path;
    const char* method;
  };
  constexpr Route kRoutes[] = {
      {"/", "GET"}, {"/v1/model", "GET"}, {"/v1/predict", "POST"}, {"/v1/explain", "POST"}};
  const Route* route = nullptr;
  for (const Route& r : kRoutes) {
    if (request.path == r.path) route = &r;
  }
  if (route == nullptr) {
    return JsonError(404, absl::StrCat("there is no ", request.path,
                                       "; there are GET /, GET /v1/model, POST /v1/predict and "
                                       "POST /v1/explain"));
  }
  const absl::string_view wanted = route->method;
  if (request.method != wanted && !(request.method == "HEAD" && wanted == "GET")) {
    HttpAnswer answer =
        JsonError(405, absl::StrCat(request.path, " wants ", wanted, ", not ", request.method));
    answer.allow = wanted == "GET" ? "GET, HEAD" : "POST";
    return answer;
  }
  if (request.path == "/") return {.body = page_, .content_type = "text/html; charset=utf-8"};
  if (request.path == "/v1/model") return {.body = ModelJson()};
  if (request.body.size() > kMaxBodyBytes) {
    return JsonError(413, absl::StrCat("the body is longer than ", kMaxBodyBytes, " bytes"));
  }
  if (!IsJson(request.content_type)) {
    return JsonError(415, absl::StrCat("the Content-Type is ",
                                       request.content_type.empty()
                                           ? "missing"
                                           : absl::StrCat("'", request.content_type, "'"),
                                       "; send 'Content-Type: application/json'"));
  }
  return request.path == "/v1/predict" ? Predict(request.body) : Explain(request.body);
}

HttpAnswer Api::Predict(const std::string& body) const {
  const auto [list, error] = FindMember(body, "texts", kTextsExample);
  if (error.status != 200) return error;
  if (!list.is_array()) {
    return JsonError(400, absl::StrCat("\"texts\" is no list; send ", kTextsExample));
  }
  if (list.size() > kMaxTexts) {
    return JsonError(413, absl::StrCat("\"texts\" has ", list.size(),
                                       " texts; a request may have up to ", kMaxTexts));
  }
  std::vector<std::string> texts;
  for (const Json& text : list) {
    const std::string name = absl::StrCat("\"texts\"[", texts.size(), "]");
    if (!text.is_string()) {
      return JsonError(400, absl::StrCat(name, " is no string; send ", kTextsExample));
    }
    texts.push_back(text.get<std::string>());
    if (HttpAnswer answer = CheckText(texts.back(), name); answer.status != 200) return answer;
  }
  const absl::StatusOr<std::vector<float>> probabilities = batcher_.Predict(std::move(texts));
  if (!probabilities.ok()) return Failed(probabilities.status());
  Json json;
  json["predictions"] = Json::array();
  for (const float p : *probabilities) {
    Json prediction;
    prediction["probability"] = Rounded(p);
    prediction["label"] = LabelOf(p);
    json["predictions"].push_back(std::move(prediction));
  }
  return {.body = Dump(json)};
}

HttpAnswer Api::Explain(const std::string& body) const {
  const auto [value, error] = FindMember(body, "text", kTextExample);
  if (error.status != 200) return error;
  if (!value.is_string()) {
    return JsonError(400, absl::StrCat("\"text\" is no string; send ", kTextExample));
  }
  const std::string text = value.get<std::string>();
  if (HttpAnswer answer = CheckText(text, "\"text\""); answer.status != 200) return answer;
  const absl::StatusOr<Explanation> explanation = batcher_.Explain(text);
  if (!explanation.ok()) return Failed(explanation.status());
  Json json;
  json["probability"] = Rounded(explanation->probability);
  json["label"] = LabelOf(explanation->probability);
  json["logit"] = Rounded(explanation->logit);
  json["base"] = Rounded(explanation->base);
  json["pieces"] = json["terms"] = Json::array();
  size_t at = 0;
  const auto add_piece = [&](size_t end, const double* contribution) {
    Json piece;
    piece["text"] = text.substr(at, end - at);
    if (contribution != nullptr) piece["contribution"] = Rounded(*contribution);
    json["pieces"].push_back(std::move(piece));
    at = end;
  };
  for (const Explanation::Word& word : explanation->words) {
    if (word.begin > at) add_piece(word.begin, nullptr);
    add_piece(word.end, &word.contribution);
  }
  if (at < text.size()) add_piece(text.size(), nullptr);
  for (const Explanation::Term& term : explanation->terms) {
    Json one;
    one["text"] = term.text;
    one["count"] = term.count;
    one["contribution"] = Rounded(term.contribution);
    json["terms"].push_back(std::move(one));
  }
  return {.body = Dump(json)};
}

std::string Api::ModelJson() const {
  const ClassifierInfo& info = batcher_.info();
  Json json = {
      {"model", model_path_},
      {"network", info.network},
      {"summary", info.summary},
      {"source", info.source},
      {"synthetic", info.synthetic},
      {"limits",
       {{"body_bytes", kMaxBodyBytes}, {"texts", kMaxTexts}, {"text_bytes", kMaxTextBytes}}}};
  return Dump(json);
}

}  // namespace adjoint::apps::imdb
