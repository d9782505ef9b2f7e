// A module that makes something else than a model.
export default () => 42;
