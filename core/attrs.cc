#include "core/attrs.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace adjoint {
namespace {

// Of a tensor, for its hash: constants of a network's size are told apart by a comparison.
constexpr size_t kHashedBytes = 256;

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::string ValueToString(const AttrValue& value) {
  return std::visit(Overloaded{
                        [](int64_t v) { return absl::StrCat(v); },
                        [](double v) { return absl::StrCat(v); },
                        [](bool v) { return std::string(v ? "true" : "false"); },
                        [](const std::string& v) { return absl::StrCat("'", v, "'"); },
                        [](DType v) { return std::string(DTypeName(v)); },
                        [](const std::vector<int64_t>& v) {
                          return absl::StrCat("[", absl::StrJoin(v, ","), "]");
                        },
                        [](const Shape& v) { return v.ToString(); },
                        [](const Tensor& v) { return v.ToString(4); },
                        [](const std::shared_ptr<const AttrObject>& v) { return v->ToString(); },
                    },
                    value);
}

bool ValuesEqual(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (const Tensor* t = std::get_if<Tensor>(&a)) return BitwiseEqual(*t, std::get<Tensor>(b));
  if (const auto* object = std::get_if<std::shared_ptr<const AttrObject>>(&a)) {
    return (*object)->Equals(*std::get<std::shared_ptr<const AttrObject>>(b));
  }
  if (const double* d = std::get_if<double>(&a)) {
    return __builtin_bit_cast(uint64_t, *d) == __builtin_bit_cast(uint64_t, std::get<double>(b));
  }
  return std::visit(Overloaded{[&](int64_t v) { return v == std::get<int64_t>(b); },
                               [&](bool v) { return v == std::get<bool>(b); },
                               [&](const std::string& v) { return v == std::get<std::string>(b); },
                               [&](DType v) { return v == std::get<DType>(b); },
                               [&](const std::vector<int64_t>& v) {
                                 return v == std::get<std::vector<int64_t>>(b);
                               },
                               [&](const Shape& v) { return v == std::get<Shape>(b); },
                               [](const auto&) { return false; }},
                    a);
}

// Of what ValuesEqual compares: equal values have equal hashes.
size_t Hash(const AttrValue& value) {
  return std::visit(
      Overloaded{
          [](double v) { return absl::HashOf(__builtin_bit_cast(uint64_t, v)); },
          [](const Tensor& v) {
            const absl::string_view bytes(static_cast<const char*>(v.raw()),
                                          static_cast<size_t>(v.bytes()));
            return absl::HashOf(v.spec(), bytes.substr(0, kHashedBytes));
          },
          [](const std::shared_ptr<const AttrObject>& v) { return absl::HashOf(v->ToString()); },
          [](const auto& v) { return absl::HashOf(v); },
      },
      value);
}

auto LowerBound(absl::Span<const Attrs::Entry> entries, absl::string_view name) {
  return std::lower_bound(
      entries.begin(), entries.end(), name,
      [](const Attrs::Entry& e, absl::string_view n) { return absl::string_view(e.first) < n; });
}

}  // namespace

absl::string_view AttrKindName(AttrKind kind) {
  constexpr absl::string_view kNames[] = {"int",  "float", "bool",   "string", "dtype",
                                          "ints", "shape", "tensor", "object"};
  return kNames[static_cast<size_t>(kind)];
}

Attrs::Attrs(std::initializer_list<Entry> entries) {
  if (entries.size() == 0) return;
  entries_ = std::make_shared<std::vector<Entry>>();
  entries_->reserve(entries.size());
  for (const Entry& e : entries) Set(e.first, e.second);
}

void Attrs::Set(absl::string_view name, AttrValue value) {
  if (entries_ == nullptr) {
    entries_ = std::make_shared<std::vector<Entry>>();
  } else if (entries_.use_count() > 1) {
    entries_ = std::make_shared<std::vector<Entry>>(*entries_);
  }
  const auto at = entries_->begin() + (LowerBound(*entries_, name) - entries().begin());
  if (at != entries_->end() && at->first == name) {
    at->second = std::move(value);
  } else {
    entries_->insert(at, Entry(std::string(name), std::move(value)));
  }
}

const AttrValue* Attrs::Find(absl::string_view name) const {
  const absl::Span<const Entry> all = entries();
  const auto it = LowerBound(all, name);
  return it != all.end() && it->first == name ? &it->second : nullptr;
}

std::string Attrs::ToString() const {
  if (empty()) return "";
  return absl::StrCat("{",
                      absl::StrJoin(entries(), ", ",
                                    [](std::string* out, const Entry& e) {
                                      absl::StrAppend(out, e.first, "=", ValueToString(e.second));
                                    }),
                      "}");
}

uint64_t Attrs::Fingerprint() const {
  size_t hash = 0;
  for (const Entry& entry : entries()) hash = absl::HashOf(hash, entry.first, Hash(entry.second));
  return hash;
}

bool operator==(const Attrs& a, const Attrs& b) {
  if (a.entries_ == b.entries_) return true;
  const absl::Span<const Attrs::Entry> as = a.entries(), bs = b.entries();
  return std::equal(as.begin(), as.end(), bs.begin(), bs.end(),
                    [](const Attrs::Entry& x, const Attrs::Entry& y) {
                      return x.first == y.first && ValuesEqual(x.second, y.second);
                    });
}

std::string Attrs::MissingMessage(absl::string_view name) const {
  return absl::StrCat("no attribute '", name, "' of the asked type in ", ToString());
}

}  // namespace adjoint
