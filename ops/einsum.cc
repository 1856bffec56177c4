#include "ops/einsum.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/fail.h"
#include "ops/linalg.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

// Axes are labels: letters as their codes, the axes of "..." as -1, -2, ... counted from the last.
using Labels = std::vector<int>;

bool Has(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

// A factor: a value whose axes have labels, none twice.
struct Term {
  Var value;
  Labels labels;

  Dim DimOf(int label) const {
    const auto at = std::find(labels.begin(), labels.end(), label) - labels.begin();
    return value.shape().dim(static_cast<int>(at));
  }
};

class Contraction {
 public:
  explicit Contraction(const Operand& place) : place_(place) {}

  // The product of all terms, summed over the labels that `result` does not have, whose order the
  // axes have in the end. Every label of the result is one of a term's.
  Var Run(std::vector<Term> terms, const Labels& result);

 private:
  Operand At(Var v) const { return Operand(v, place_.location); }
  Var Permuted(const Term& term, const Labels& order);
  void SumOut(Term* term, const std::vector<Term>& others, const Labels& result);
  Term Multiply(const Term& a, const Term& b, const Labels& kept, const Labels& result);
  Var Grouped(const Term& term, const Labels& batch, const Labels& first, const Labels& second);
  Term MatrixProduct(const Term& a, const Term& b, const Labels& batch, const Labels& summed,
                     const Labels& free_a, const Labels& free_b);
  Term OuterProduct(const Term& a, const Term& b);

  const Operand place_;
};

Labels Joined(std::initializer_list<const Labels*> parts) {
  Labels all;
  for (const Labels* part : parts) all.insert(all.end(), part->begin(), part->end());
  return all;
}

Var Contraction::Permuted(const Term& term, const Labels& order) {
  if (term.labels == order || !term.value.valid()) return term.value;
  std::vector<int64_t> permutation;
  for (int label : order) {
    permutation.push_back(std::find(term.labels.begin(), term.labels.end(), label) -
                          term.labels.begin());
  }
  return Transpose(At(term.value), permutation);
}

// Sums over the labels of one term that no other and not the result have.
void Contraction::SumOut(Term* term, const std::vector<Term>& others, const Labels& result) {
  std::vector<int64_t> axes;
  Labels rest;
  for (size_t i = 0; i < term->labels.size(); ++i) {
    const int label = term->labels[i];
    const bool used =
        Has(result, label) || std::any_of(others.begin(), others.end(), [&](const Term& other) {
          return &other != term && Has(other.labels, label);
        });
    if (used) {
      rest.push_back(label);
    } else {
      axes.push_back(static_cast<int64_t>(i));
    }
  }
  if (axes.empty() || !term->value.valid()) return;
  term->value = Sum(At(term->value), axes);
  term->labels = std::move(rest);
}

// The term's value as [batch..., first, second], each of the two merged into one axis.
Var Contraction::Grouped(const Term& term, const Labels& batch, const Labels& first,
                         const Labels& second) {
  Var v = Permuted(term, Joined({&batch, &first, &second}));
  const int lead = static_cast<int>(batch.size());
  // Of a merged axis with symbols only a reshape knows the name; it can make one at a time.
  const auto merge = [&](int axis, size_t count) {
    if (!v.valid() || count == 1) return;
    Shape shape(v.shape().dims().subspan(0, axis));
    Dim merged = 1;
    for (size_t i = 0; i < count; ++i) {
      const Dim d = v.shape().dim(axis + static_cast<int>(i));
      merged = d.is_known() && merged.is_known() ? Dim(d.value() * merged.value()) : Dim(-1);
    }
    shape.push_back(merged);
    for (Dim d : v.shape().dims().subspan(axis + count)) shape.push_back(d);
    v = Reshape(At(v), shape);
  };
  merge(lead, first.size());
  merge(lead + 1, second.size());
  return v;
}

Term Contraction::MatrixProduct(const Term& a, const Term& b, const Labels& batch,
                                const Labels& summed, const Labels& free_a, const Labels& free_b) {
  // Either operand may come transposed; the order that it has already is free.
  const bool ta = a.labels == Joined({&batch, &summed, &free_a}) && !free_a.empty();
  const bool tb = b.labels == Joined({&batch, &free_b, &summed}) && !free_b.empty();
  const Var x = ta ? Grouped(a, batch, summed, free_a) : Grouped(a, batch, free_a, summed);
  const Var y = tb ? Grouped(b, batch, free_b, summed) : Grouped(b, batch, summed, free_b);
  Term out;
  out.labels = Joined({&batch, &free_a, &free_b});
  out.value = MatMul(At(x), At(y), ta, tb);
  if (!out.value.valid()) return out;
  Shape shape;
  for (int label : batch) shape.push_back(a.DimOf(label));
  for (int label : free_a) shape.push_back(a.DimOf(label));
  for (int label : free_b) shape.push_back(b.DimOf(label));
  if (out.value.shape() != shape) out.value = Reshape(At(out.value), shape);
  return out;
}

// a b with nothing summed: elementwise, each operand with axes of 1 for the labels it lacks.
Term Contraction::OuterProduct(const Term& a, const Term& b) {
  Term out;
  out.labels = a.labels;
  for (int label : b.labels) {
    if (!Has(out.labels, label)) out.labels.push_back(label);
  }
  const auto spread = [&](const Term& term) {
    Labels order;
    Shape shape;
    for (int label : out.labels) {
      if (Has(term.labels, label)) order.push_back(label);
      shape.push_back(Has(term.labels, label) ? term.DimOf(label) : Dim(1));
    }
    const Var v = Permuted(term, order);
    return v.valid() && v.shape() != shape ? Reshape(At(v), shape) : v;
  };
  const Var x = spread(a), y = spread(b);
  out.value = Mul(At(x), At(y));
  return out;
}

// `kept`: labels of other terms or of the result.
Term Contraction::Multiply(const Term& a, const Term& b, const Labels& kept, const Labels& result) {
  if (!a.value.valid() || !b.value.valid()) return {Var{place_.var.builder, -1, 0}, {}};
  Labels batch, summed, free_a, free_b;
  for (int label : a.labels) {
    (!Has(b.labels, label) ? free_a : Has(kept, label) ? batch : summed).push_back(label);
  }
  for (int label : b.labels) {
    if (!Has(a.labels, label)) free_b.push_back(label);
  }
  if (summed.empty()) return OuterProduct(a, b);
  if (free_a.empty() && free_b.empty() && !batch.empty()) {
    // Dot products of many short rows.
    Term out = OuterProduct(a, b);
    if (out.value.valid()) SumOut(&out, {}, kept);
    return out;
  }
  // a b or b a: whichever has the axes in the order that is wanted in the end.
  if (result == Joined({&batch, &free_b, &free_a}) && !free_a.empty() && !free_b.empty()) {
    return MatrixProduct(b, a, batch, summed, free_b, free_a);
  }
  return MatrixProduct(a, b, batch, summed, free_a, free_b);
}

Var Contraction::Run(std::vector<Term> terms, const Labels& result) {
  for (Term& term : terms) SumOut(&term, terms, result);
  while (terms.size() > 1) {
    // The pair with the smallest product; symbols count as 64.
    size_t best_a = 0, best_b = 1;
    double best = std::numeric_limits<double>::infinity();
    const auto kept_beside = [&](size_t i, size_t j) {
      Labels kept = result;
      for (size_t k = 0; k < terms.size(); ++k) {
        if (k != i && k != j)
          kept.insert(kept.end(), terms[k].labels.begin(), terms[k].labels.end());
      }
      return kept;
    };
    for (size_t i = 0; i < terms.size() && terms.size() > 2; ++i) {
      for (size_t j = i + 1; j < terms.size(); ++j) {
        if (!terms[i].value.valid() || !terms[j].value.valid()) continue;
        const Labels kept = kept_beside(i, j);
        double size = 1;
        for (const Term* term : {&terms[i], &terms[j]}) {
          for (int label : term->labels) {
            if (!Has(kept, label) || (term == &terms[j] && Has(terms[i].labels, label))) continue;
            const Dim d = term->DimOf(label);
            size *= d.is_known() ? static_cast<double>(d.value()) : 64.0;
          }
        }
        if (size < best) {
          best = size;
          best_a = i;
          best_b = j;
        }
      }
    }
    Term product = Multiply(terms[best_a], terms[best_b], kept_beside(best_a, best_b), result);
    terms.erase(terms.begin() + static_cast<int64_t>(best_b));
    terms[best_a] = std::move(product);
    if (!terms[best_a].value.valid()) return terms[best_a].value;
  }
  return Permuted(terms[0], result);
}

std::string LabelText(int label) {
  return label > 0 ? std::string(1, static_cast<char>(label))
                   : absl::StrCat("axis ", label, " of '...'");
}

// The labels of "ab...c" for a tensor of `rank` axes, with as many for "..." as are left.
absl::StatusOr<Labels> ParseLabels(absl::string_view text, int rank, size_t operand) {
  const size_t dots = text.find("...");
  const std::string letters = dots == absl::string_view::npos
                                  ? std::string(text)
                                  : absl::StrCat(text.substr(0, dots), text.substr(dots + 3));
  for (char c : letters) {
    if (!std::isalpha(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' has '", std::string(1, c), "', which is no letter"));
    }
  }
  const int hidden = rank - static_cast<int>(letters.size());
  if (hidden < 0 || (hidden > 0 && dots == absl::string_view::npos)) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' names ", letters.size(),
                                                   " axes, operand ", operand, " has ", rank));
  }
  Labels labels(letters.begin(), letters.end());
  if (dots != absl::string_view::npos) {
    Labels middle;
    for (int i = hidden; i > 0; --i) middle.push_back(-i);
    labels.insert(labels.begin() + static_cast<int64_t>(dots), middle.begin(), middle.end());
  }
  return labels;
}

struct Equation {
  std::vector<Labels> operands;
  Labels result;
};

absl::StatusOr<Equation> ParseEquation(absl::string_view equation,
                                       absl::Span<const Operand> operands) {
  std::string text;
  for (char c : equation) {
    if (!std::isspace(static_cast<unsigned char>(c))) text += c;
  }
  const std::vector<absl::string_view> sides =
      absl::StrSplit(absl::string_view(text), absl::MaxSplits("->", 1));
  const std::vector<absl::string_view> lists = absl::StrSplit(sides[0], ',');
  if (lists.size() != operands.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the equation '", equation, "' has ",
                                                   lists.size(), " operands, but ", operands.size(),
                                                   " were given"));
  }
  Equation parsed;
  std::map<int, int> count;
  int hidden = 0;
  for (size_t i = 0; i < lists.size(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(Labels labels,
                             ParseLabels(lists[i], operands[i].var.shape().rank(), i));
    for (int label : labels) {
      ++count[label];
      hidden = std::max(hidden, -label);
    }
    parsed.operands.push_back(std::move(labels));
  }
  if (sides.size() == 1) {
    for (int i = hidden; i > 0; --i) parsed.result.push_back(-i);
    for (const auto& [label, n] : count) {
      if (label > 0 && n == 1) parsed.result.push_back(label);
    }
    return parsed;
  }
  const size_t dots = sides[1].find("...");
  const int letters = static_cast<int>(sides[1].size()) - (dots == absl::string_view::npos ? 0 : 3);
  ADJOINT_ASSIGN_OR_RETURN(
      parsed.result,
      ParseLabels(sides[1], letters + (dots == absl::string_view::npos ? 0 : hidden), 0));
  for (size_t i = 0; i < parsed.result.size(); ++i) {
    const int label = parsed.result[i];
    if (std::count(parsed.result.begin(), parsed.result.end(), label) > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("the result '", sides[1], "' has ", LabelText(label), " twice"));
    }
    if (count[label] == 0) {
      return absl::InvalidArgumentError(absl::StrCat("the result '", sides[1], "' has ",
                                                     LabelText(label), ", which no operand has"));
    }
  }
  return parsed;
}

// The extent of each label: that of all axes that have it, those of extent 1 left aside.
absl::StatusOr<std::map<int, Dim>> ExtentsOf(const Equation& equation,
                                             absl::Span<const Operand> operands) {
  std::map<int, Dim> extents;
  for (size_t i = 0; i < operands.size(); ++i) {
    for (size_t axis = 0; axis < equation.operands[i].size(); ++axis) {
      const int label = equation.operands[i][axis];
      const Dim d = operands[i].var.shape().dim(static_cast<int>(axis));
      const auto [at, is_new] = extents.try_emplace(label, d);
      if (is_new || at->second == d || d == Dim(1)) continue;
      if (at->second != Dim(1)) {
        return absl::InvalidArgumentError(absl::StrCat("extents of ", LabelText(label),
                                                       " differ: ", at->second.ToString(),
                                                       " and, in operand ", i, ", ", d.ToString()));
      }
      at->second = d;
    }
  }
  return extents;
}

}  // namespace

Var Einsum(absl::string_view equation, absl::Span<const Operand> operands) {
  for (const Operand& x : operands) {
    if (x.is_number || !x.var.valid()) return x.is_number ? Var{} : x.var;
    if (x.var.builder != operands[0].var.builder) {
      return FailAt(x, "einsum", "the operands belong to two builders");
    }
  }
  if (operands.empty()) return Var{};
  const Operand& place = operands[0];
  absl::StatusOr<Equation> parsed = ParseEquation(equation, operands);
  if (!parsed.ok()) return FailAt(place, "einsum", parsed.status().message());
  const auto extents = ExtentsOf(*parsed, operands);
  if (!extents.ok()) return FailAt(place, "einsum", extents.status().message());

  std::vector<Term> terms;
  for (size_t i = 0; i < operands.size(); ++i) {
    const Operand& x = operands[i];
    Term term{x.var, parsed->operands[i]};
    // An axis of 1 beside longer ones of its label drops out: it broadcasts.
    std::vector<int64_t> gone;
    Labels rest;
    for (size_t axis = 0; axis < term.labels.size(); ++axis) {
      const int label = term.labels[axis];
      if (term.value.shape().dim(static_cast<int>(axis)) != extents->at(label)) {
        gone.push_back(static_cast<int64_t>(axis));
      } else {
        rest.push_back(label);
      }
    }
    if (!gone.empty()) term = {Squeeze(x, gone), rest};
    // A label twice: the diagonal, which becomes the last axis.
    for (size_t axis = 0; axis < term.labels.size();) {
      const int label = term.labels[axis];
      const auto again =
          std::find(term.labels.begin() + static_cast<int64_t>(axis) + 1, term.labels.end(), label);
      if (again == term.labels.end()) {
        ++axis;
        continue;
      }
      term.value = Diagonal(Operand(term.value, x.location), 0, static_cast<int64_t>(axis),
                            again - term.labels.begin());
      term.labels.erase(again);
      term.labels.erase(term.labels.begin() + static_cast<int64_t>(axis));
      term.labels.push_back(label);
      if (!term.value.valid()) return term.value;
    }
    terms.push_back(std::move(term));
  }
  return Contraction(place).Run(std::move(terms), parsed->result);
}

Var Tensordot(Operand a, Operand b, absl::Span<const int64_t> axes_a,
              absl::Span<const int64_t> axes_b) {
  if (a.is_number || b.is_number || !a.var.valid() || !b.var.valid()) return Mul(a, b);
  const Shape &sa = a.var.shape(), &sb = b.var.shape();
  absl::Status error = NormalizeAxes(axes_a, sa.rank()).status();
  if (error.ok()) error = NormalizeAxes(axes_b, sb.rank()).status();
  if (error.ok() && axes_a.size() != axes_b.size()) {
    error = absl::InvalidArgumentError(absl::StrCat(axes_a.size(), " axes of the one operand for ",
                                                    axes_b.size(), " of the other"));
  }
  if (!error.ok()) return FailAt(a, "tensordot", error.message());
  Term x{a.var, Labels(sa.rank())}, y{b.var, Labels(sb.rank())};
  std::iota(x.labels.begin(), x.labels.end(), 1);
  std::iota(y.labels.begin(), y.labels.end(), 1 + sa.rank());
  for (size_t i = 0; i < axes_a.size(); ++i) {
    const int from = *NormalizeAxis(axes_a[i], sa.rank()),
              to = *NormalizeAxis(axes_b[i], sb.rank());
    if (sa.dim(from) != sb.dim(to)) {
      return FailAt(a, "tensordot",
                    absl::StrCat("extents differ: axis ", from, " of the first operand has ",
                                 sa.dim(from).ToString(), ", axis ", to, " of the second has ",
                                 sb.dim(to).ToString()));
    }
    y.labels[to] = x.labels[from];
  }
  Labels result;
  for (int label : x.labels) {
    if (!Has(y.labels, label)) result.push_back(label);
  }
  for (int label : y.labels) {
    if (!Has(x.labels, label)) result.push_back(label);
  }
  return Contraction(a).Run({x, y}, result);
}

Var Tensordot(Operand a, Operand b, int64_t n) {
  if (a.is_number || b.is_number || !a.var.valid() || !b.var.valid()) return Mul(a, b);
  const int64_t rank = a.var.shape().rank();
  if (n < 0 || n > rank || n > b.var.shape().rank()) {
    return FailAt(a, "tensordot",
                  absl::StrCat("cannot sum over ", n, " axes of operands of rank ", rank, " and ",
                               b.var.shape().rank()));
  }
  std::vector<int64_t> axes_a(n), axes_b(n);
  std::iota(axes_a.begin(), axes_a.end(), rank - n);
  std::iota(axes_b.begin(), axes_b.end(), 0);
  return Tensordot(a, b, axes_a, axes_b);
}

}  // namespace adjoint::ops
