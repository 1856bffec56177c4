#ifndef ADJOINT_APPS_REPORT_NETWORK_PICTURE_H_
#define ADJOINT_APPS_REPORT_NETWORK_PICTURE_H_

#include <string>

#include "nn/model.h"

namespace adjoint::apps::report {

// The layers from top to bottom, each a box with its class, its settings and its number of
// parameters, and arrows with the shapes that flow along them: a whole SVG document. In a page it
// takes the page's colours, alone its own. The model must have been built.
std::string NetworkPicture(const nn::Model& model);

}  // namespace adjoint::apps::report

#endif  // ADJOINT_APPS_REPORT_NETWORK_PICTURE_H_
