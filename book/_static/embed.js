// What a generator and a blinded test are made of, in the folds of scripts/embeds.py: an element with its
// attributes, listeners ("onclick") among them, and its children.
"use strict";
window.gcMake = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value); else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};
