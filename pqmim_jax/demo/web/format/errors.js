// What can be wrong with a file, a picture or a model folder: one-line messages for people.
// The names and meanings are those of pqmim_jax/coding/errors.py.

export class PqmError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

export class NotPqmFileError extends PqmError {}
export class TruncatedFileError extends PqmError {}
export class CorruptFileError extends PqmError {}
export class WrongModelError extends PqmError {}
export class UnsupportedVersionError extends PqmError {}
export class TooLargeError extends PqmError {}
export class ModelError extends PqmError {}
