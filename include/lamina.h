/* SPDX-License-Identifier: MIT
 *
 * lamina.h: dense neural networks on the CPU. Include this one header.
 *
 * Each room can be read alone, in this order: base (errors, context), kernels, gemm, graph, layers, model, data, loss, metric,
 * optimizer, train, file.
 */
#ifndef LAMINA_H
#define LAMINA_H

#include <lamina/base.h>
#include <lamina/callback.h>
#include <lamina/custom.h>
#include <lamina/data.h>
#include <lamina/file.h>
#include <lamina/gemm.h>
#include <lamina/graph.h>
#include <lamina/kernels.h>
#include <lamina/layers.h>
#include <lamina/loss.h>
#include <lamina/metric.h>
#include <lamina/model.h>
#include <lamina/optimizer.h>
#include <lamina/train.h>

#endif
