#ifndef ADJOINT_APPS_CHART_AXIS_H_
#define ADJOINT_APPS_CHART_AXIS_H_

#include <string>

#include "apps/chart.h"

namespace adjoint::apps {

// An axis: its range, widened to whole steps, and where its labels stand.
struct Axis {
  double low = 0, high = 1, step = 0.2;

  double Fraction(double value) const { return (value - low) / (high - low); }
};

struct Frame {
  Axis x, y;
};

// The axes that all of the chart's values have room in, with some `y_steps` steps of 1, 2 or 5
// times a power of ten.
Frame FrameOf(const Chart& chart, int y_steps);

// The text for a value of an axis, with as many decimals as its step needs.
std::string Label(double value, double step);

}  // namespace adjoint::apps

#endif  // ADJOINT_APPS_CHART_AXIS_H_
