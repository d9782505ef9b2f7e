/** Why one op cannot be written; the exporter collects them and throws one error. */
export class ExportProblem extends Error {}
