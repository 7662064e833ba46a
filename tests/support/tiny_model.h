/** The network as narrow as it gets (8 channels everywhere) with random weights, in files of every format. */
#ifndef MGM_TESTS_TINY_MODEL_H
#define MGM_TESTS_TINY_MODEL_H

enum tiny_format { TINY_SAFETENSORS, TINY_ZIP, TINY_LEGACY };

/** Writes such a file; fails the running test if that does not work. */
void write_tiny_model(const char *path, enum tiny_format format);

#endif
