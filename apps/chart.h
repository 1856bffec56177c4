#ifndef ADJOINT_APPS_CHART_H_
#define ADJOINT_APPS_CHART_H_

#include <string>
#include <vector>

namespace adjoint::apps {

// A curve over the epochs 1, 2, ..., one value an epoch.
struct Series {
  enum Style { kDots, kLine };

  std::string label;
  Style style = kLine;
  std::vector<double> values;
};

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;  // the first two are told apart by colour as well as by style
};

// The chart as a self-contained SVG document. Values that are not finite are left out.
std::string ToSvg(const Chart& chart);

// The chart as lines of text of at most `width` columns, some 12 rows high: dots are 'o', lines
// are '*'.
std::string ToText(const Chart& chart, int width = 72);

}  // namespace adjoint::apps

#endif  // ADJOINT_APPS_CHART_H_
