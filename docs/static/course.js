// The studio is a page of its own in a frame: as high as what is in it, and in the theme of the page around it.
for (const frame of document.querySelectorAll("iframe.studio")) {
  const follow = () => {
    const inside = frame.contentDocument;
    if (!inside?.body) return;
    const root = inside.documentElement;
    const dress = () => { root.dataset.theme = document.documentElement.dataset.theme || "light"; };
    const fit = () => { frame.style.height = `${Math.ceil(inside.body.getBoundingClientRect().height) + 2}px`; };
    dress();
    fit();
    new ResizeObserver(fit).observe(inside.body);
    new MutationObserver(dress).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  };
  frame.addEventListener("load", follow);
  if (frame.contentDocument?.readyState === "complete") follow();
}
