/* SPDX-License-Identifier: MIT
 *
 * lamina.h: dense neural networks on the CPU. Include this one header.
 *
 * Each room can be read alone; most programs need them in this order:
 *
 *   base       errors, options, threads: the conventions of all; the context; random numbers
 *   array      shapes, views on the caller's data
 *   data       datasets, from memory and files
 *   graph      layers, and how they are joined; activations stand in gemm
 *   layers     more layers: normalizations, whitening, softmax along axes, permutation, gated units
 *   custom     layers of one's own
 *   model      weights; inference in sessions
 *   loss, optimizer, metric, callback      what training is told
 *   train      fit, evaluate, predict; generators; batches by hand; loops of one's own
 *   file       saving and loading
 *   gemm       backends of matrix products; a dense layer and linear regression without a graph
 *   kernels    the vectorised functions that all of it is made of
 */
#ifndef LAMINA_H
#define LAMINA_H

#include <lamina/array.h>
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
