#ifndef ADJOINT_NN_NN_H_
#define ADJOINT_NN_NN_H_

// Everything that a program needs to describe, train and use networks.

#include "nn/activations.h"              // IWYU pragma: export
#include "nn/attention.h"                // IWYU pragma: export
#include "nn/basic_layers.h"             // IWYU pragma: export
#include "nn/callbacks.h"                // IWYU pragma: export
#include "nn/checkpoint.h"               // IWYU pragma: export
#include "nn/conv_layers.h"              // IWYU pragma: export
#include "nn/counting_metrics.h"         // IWYU pragma: export
#include "nn/csv_logger.h"               // IWYU pragma: export
#include "nn/data.h"                     // IWYU pragma: export
#include "nn/dense.h"                    // IWYU pragma: export
#include "nn/early_stopping.h"           // IWYU pragma: export
#include "nn/history.h"                  // IWYU pragma: export
#include "nn/initializers.h"             // IWYU pragma: export
#include "nn/layer.h"                    // IWYU pragma: export
#include "nn/learning_rate_callbacks.h"  // IWYU pragma: export
#include "nn/losses.h"                   // IWYU pragma: export
#include "nn/merge_layers.h"             // IWYU pragma: export
#include "nn/metrics.h"                  // IWYU pragma: export
#include "nn/model.h"                    // IWYU pragma: export
#include "nn/model_checkpoint.h"         // IWYU pragma: export
#include "nn/normalization_layers.h"     // IWYU pragma: export
#include "nn/pooling_layers.h"           // IWYU pragma: export
#include "nn/recurrent.h"                // IWYU pragma: export
#include "nn/registry.h"                 // IWYU pragma: export
#include "nn/regularizers.h"             // IWYU pragma: export
#include "nn/shape_layers.h"             // IWYU pragma: export
#include "nn/tensorboard.h"              // IWYU pragma: export
#include "nn/topology.h"                 // IWYU pragma: export

#endif  // ADJOINT_NN_NN_H_
