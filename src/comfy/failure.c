/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/failure.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* Classes of Python and of its libraries; a module before the name does not count. */
static const char *const types[] = {
	"MemoryError",	    /* the computer's memory, not the GPU's */
	"AcceleratorError", /* torch 2.8 and later: the driver's errors */
	"BrokenPipeError", "ConnectionError", "ConnectionAbortedError", "ConnectionRefusedError",
	"ConnectionResetError", "ConnectTimeout", "ClientConnectorError", "ReadTimeout",
	"TimeoutError", "SafetensorError", /* the model's file is cut off or unreadable there */
};

/* What PyTorch and the libraries below it say in a plain RuntimeError, and errno's numbers as
 * Python writes them: 5 EIO, 12 ENOMEM, 23 and 24 no descriptors left, 28 ENOSPC, 30 EROFS, 116
 * ESTALE (a network disk), 122 EDQUOT. */
static const char *const words[] = {
	"CUDA error",
	"CUDA driver error",
	"CUDNN_STATUS",
	"cuDNN error",
	"CUBLAS_STATUS",
	"cublas error",
	"CUSOLVER_STATUS",
	"NCCL error",
	"HIP error",
	"MIOpen Error",
	"No CUDA GPUs are available",
	"Found no NVIDIA driver",
	"Torch not compiled with CUDA",
	"device not ready",
	"unable to allocate",
	"can't allocate memory",
	"Cannot allocate memory",
	"No space left on device",
	"Connection refused",
	"Connection reset by peer",
	"PytorchStreamReader failed",
	"[Errno 5]",
	"[Errno 12]",
	"[Errno 23]",
	"[Errno 24]",
	"[Errno 28]",
	"[Errno 30]",
	"[Errno 116]",
	"[Errno 122]",
};

bool failure_is_the_machines(struct json_object *data)
{
	const char *type = json_str(data, "exception_type");
	const char *message = json_str(data, "exception_message");
	const char *dot = type ? strrchr(type, '.') : NULL;

	for (size_t i = 0; type && i < countof(types); i++)
		if (str_eq(dot ? dot + 1 : type, types[i]))
			return true;
	for (size_t i = 0; message && i < countof(words); i++)
		if (strcasestr(message, words[i]))
			return true;
	return false;
}
