#ifndef ADJOINT_APPS_REPORT_CHART_H_
#define ADJOINT_APPS_REPORT_CHART_H_

#include <string>

#include "apps/chart.h"

namespace adjoint::apps::report {

struct ChartOptions {
  std::string point = "Epoch";  // what the read-out calls a place on the x axis
  int decimals = 4;             // of the read-out
  std::string unit = {};        // behind its numbers: " ms"
};

// The chart as part of a page: it takes the width there is, and shows the values of all series at
// the place that is pointed at, touched, or reached by the arrow keys. Without script it is there,
// too, and its numbers follow it as a table. More than some 1,000 values of a series are drawn as
// means over neighbours, which the read-out then names.
std::string ToHtml(const Chart& chart, const ChartOptions& options = {});

}  // namespace adjoint::apps::report

#endif  // ADJOINT_APPS_REPORT_CHART_H_
